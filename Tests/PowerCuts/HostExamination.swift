import BootLoaders
import Glibc
import LinuxSystem
import SysrootFixtures
public import Sysroots
import SystemPackage
import TestSupport

/// What a host whose power went would boot, and whether all of it is there.
///
/// The loader's order, the link, the deployment and its kernel are followed here, without the code that wrote them.
public struct HostExamination: Sendable {
    /// What boots next.
    public private(set) var boots: DeploymentName?
    /// What is not as it has to be.
    public private(set) var faults: [String] = []

    /// Which boot partition is looked at.
    public enum View: Sendable {
        /// As a loader sees it.
        case ofLoader
        /// What commands have made of it since.
        case afterCommands
    }

    /// How closely is looked.
    public enum Depth: Sendable, Comparable {
        /// What boots, and what `status` says.
        case boot
        /// Every file of every deployment is there, and is the object that its commit names.
        case files
        /// Every object has the content that it is named after, too.
        case objects
    }

    /// Looks at a host.
    ///
    /// - Parameters:
    ///   - host: its disk.
    ///   - hostctl: the program, for `status`.
    ///   - depth: how closely the store and the deployments are looked at.
    ///   - marks: files of the deployment that boots, by path, with their content: what the host's people have made.
    public init(
        _ host: MountedHost, hostctl: String, marks: [String: String], view: View = .ofLoader, depth: Depth = .objects
    ) {
        do {
            try follow(host, BootPartition(root: view == .ofLoader ? host.loaderView : host.paths.bootPartition))
            if depth >= .files { try examineFiles(host, view) }
            if depth >= .objects { try examineObjects(host) }
            try askStatus(host, hostctl)
            if let boots { try look(for: marks, in: host.paths, boots) }
            if let boots, view == .afterCommands,
                Files.exists(host.paths.folder(of: boots).appending(Self.formerEtc))
            {
                faults.append("what /etc was lies in \(boots)")
            }
        } catch {
            faults.append("\(error)")
        }
    }

    // MARK: what boots

    private mutating func follow(_ host: MountedHost, _ partition: BootPartition) throws {
        guard let configuration = try BootConfiguration.load(host.paths) else {
            return faults.append("boot.json is lost")
        }
        let listing = try configuration.bootLoader(on: partition).listing()
        guard let first = listing.entries.first else { return faults.append("no entry can be booted") }
        faults += try problems(of: first, partition, host)
        boots = DeploymentName(text: first.deployment)
        if boots == nil { faults.append("\(first.deployment) is no deployment") }
        // A second one that is whole is what a host falls back to.
        let fallback = try listing.entries.dropFirst().contains { try problems(of: $0, partition, host).isEmpty }
        if first.counter != nil, !fallback { faults.append("there is nothing to fall back to") }
    }

    private func problems(of entry: LoaderEntry, _ partition: BootPartition, _ host: MountedHost) throws -> [String] {
        guard let resolved = realpath("\(host.root)/ostree/hostctl/boot/\(entry.deployment)", nil) else {
            return ["the entry \(entry.generation) leads nowhere"]
        }
        defer { free(resolved) }
        let folder = FilePath(String(cString: resolved))
        var found: [String] = []
        if !Files.isFolder(folder.appending("usr")) || !Files.isFolder(folder.appending("etc")) {
            found.append("\(folder) has no /usr or no /etc")
        }
        let modules = folder.appending("usr/lib/modules")
        let version = try Files.namesIfPresent(in: modules).first ?? "missing"
        let kernel = partition.root.appending("hostctl").appending(entry.kernelFolder)
        for name in ["vmlinuz", "initramfs.img"] {
            let own = modules.appending(version).appending(name)
            if try run(["/usr/bin/cmp", "--silent", kernel.appending(name).string, own.string]).status != 0 {
                found.append("\(kernel)/\(name) is not the deployment's")
            }
        }
        return found
    }

    // MARK: what is there

    /// What /etc was before a merge may still lie beside it until the interrupted command is run again.
    private static let formerEtc = "etc.hostctl-new"

    private mutating func examineFiles(_ host: MountedHost, _ view: View) throws {
        faults += try SysrootExamination.faultsInUse(
            of: host.paths, trustsObjects: true, remains: view == .ofLoader ? [Self.formerEtc] : [])
    }

    private mutating func examineObjects(_ host: MountedHost) throws {
        let result = try run(
            ["/usr/bin/ostree", "fsck", "--quiet", "--repo=\(host.paths.repository)"], timeout: 300)
        if result.status != 0 { faults.append("ostree fsck: \(result.errorText)\(result.text)") }
    }

    private mutating func askStatus(_ host: MountedHost, _ hostctl: String) throws {
        let result = try run([hostctl, "status", "--sysroot", host.root.string, "--json"])
        if result.status != 0 { faults.append("status: \(result.errorText)") }
    }

    private mutating func look(for marks: [String: String], in paths: SysrootPaths, _ name: DeploymentName) throws {
        for (path, text) in marks {
            let isVariable = path.hasPrefix("var/")
            let base = isVariable ? paths.deploy.appending(name.stateroot) : paths.folder(of: name)
            let bytes = try Files.readIfPresent(base.appending(path), limit: 1 << 20)
            if bytes != Array(text.utf8) {
                faults.append("/\(path) is \(bytes.map { String(decoding: $0, as: UTF8.self) } ?? "missing")")
            }
        }
    }
}
