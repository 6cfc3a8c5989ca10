import BootLoaders
import Glibc
public import LinuxSystem
public import SystemPackage

// What the reader does on a host whose boot loader reads entries on a boot partition.

extension SysrootReader {
    /// Adds what the entries of the boot partition lead to. Where they cannot be read, the deployments are those that
    /// stock tools list, which was the order after the last change, and nobody knows their counters.
    func addEntries(_ report: inout SysrootReport) {
        let order = PartitionOrder(reading: paths)
        report.problems += order.problems
        guard order.isRead else {
            addListed(BootOrder(reading: paths), &report)
            for index in report.deployments.indices { report.deployments[index].areTriesUnknown = true }
            return
        }
        for listed in order.listed {
            var record = record(listed.name, report.deployments.count)
            record.kernelArguments = listed.entry.arguments
            record.triesLeft = listed.entry.counter?.left
            report.deployments.append(record)
        }
    }

    /// What is staged, if anything is.
    func staged(_ report: inout SysrootReport) -> StagedDeployment? {
        do { return try StagedDeployment.load(paths) } catch {
            let text = (error as? any ExplainedError)?.reason ?? "\(error)"
            let path = StagedDeployment.path(in: paths).string
            report.problems.append(SysrootProblem(.unreadableState, path: path, text))
            return nil
        }
    }

    /// What became of boots.
    func readBoots(_ report: inout SysrootReport) {
        do { report.boots = try BootRecords.load(paths) } catch {
            let text = (error as? any ExplainedError)?.reason ?? "\(error)"
            report.problems.append(SysrootProblem(.unreadableState, path: BootRecords.path(in: paths).string, text))
        }
    }

    /// Stock tools remove what their own list lacks.
    func checkMirror(_ report: inout SysrootReport) {
        let mirror = BootOrder(reading: paths)
        let mirrored = Set(mirror.listed.map(\.name))
        let lost = report.deployments.filter { record in
            (record.isListed || record.isStaged) && !mirrored.contains(record.name) && record.problems.isEmpty
        }
        if let first = lost.first {
            report.problems.append(
                SysrootProblem(
                    .damagedMirror, path: paths.loader.string,
                    "stock tools do not list \(first.name), and 'ostree admin cleanup' would remove it; "
                        + "the next change lists it again"))
        }
    }

    /// The deployment that a link on the kernel's command line leads to.
    func deployment(behindLink text: String) -> DeploymentName? {
        if text.hasPrefix(LoaderEntry.linkFolder) {
            return DeploymentName(text: String(text.dropFirst(LoaderEntry.linkFolder.count)))
        }
        return BootLink(text).flatMap { BootOrder.deployment(behind: $0, paths) }
    }

    /// Whether a folder is what the running host has as /var, whatever links say: an initramfs may follow none.
    public func isPresentState(_ folder: FilePath) -> Bool { host.runs(paths) && host.isState(folder) }

    /// Whether what runs has the /var that a factory reset was about to replace, and the new one waits: it is not the
    /// deployment of the reset, or its initramfs follows no links.
    public func runsOnOldState(_ pending: ResetRecord.Pending) -> Bool {
        let usual = paths.state(of: pending.target.stateroot)
        var status = stat()
        guard Files.exists(paths.newState(of: pending.target.stateroot)), isPresentState(usual),
            lstat(usual.string, &status) == 0
        else { return false }
        return UInt64(status.st_ino) != pending.inode
    }

    /// A factory reset whose deployment runs on the old /var. `hostctl verify` tells of a record that cannot be read.
    func checkReset(_ report: inout SysrootReport) {
        guard report.isRunning else { return }
        var pending: ResetRecord.Pending?
        do { pending = try ResetRecord.load(paths).pending } catch {}
        guard let pending, report.booted?.name == pending.target, runsOnOldState(pending) else { return }
        // A kind that the hostctl before this one knows, as it reads the same status file.
        report.problems.append(
            SysrootProblem(
                .interruptedChange, path: ResetRecord.path(in: paths).string,
                "the factory reset has not reached /var, which is the old one; the next change gives the reset up, and "
                    + "'hostctl factory-reset' makes another"))
    }

    /// The kernel's arguments of the running system, without those that boot loaders add.
    ///
    /// - Throws: `SystemError`.
    public func bootedArguments() throws(SystemError) -> [String] {
        let added = ["ostree=", "init=/ostree/", "BOOT_IMAGE=", "initrd="]
        return try host.arguments().filter { argument in !added.contains { argument.hasPrefix($0) } }
    }
}
