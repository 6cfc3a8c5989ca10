import Glibc
import LinuxSystem
import Sysroots
import SystemPackage

extension Examination {
    /// What the sysroot lies on, and whether that can hold a store.
    var fileSystem: [Finding] {
        let check = "file-system"
        let kind: FileSystemKind
        do { kind = try FileSystemKind(of: paths.root) } catch {
            return [.problem(check, error.reason, why: "nothing can be read there", advice: error.advice)]
        }
        if kind.isReadOnly {
            let why = "no command can change anything"
            let advice = "remount it writable: mount -o remount,rw \(paths.root)"
            return [.problem(check, "\(paths.root) is mounted read-only", why: why, advice: advice)]
        }
        let name = "\(paths.root) is on \(kind.name)"
        let findings: [Finding] =
            kind.isRemote
            ? [.warning(check, name, why: "a host without its network would lose its root", advice: "use a local disk")]
            : [.ok(check, name)]
        return findings + features
    }

    private var features: [Finding] {
        let check = "file-system-features"
        guard geteuid() == 0 else { return [] }
        let folder = Files.isFolder(paths.state) ? paths.state : paths.root.appending("ostree")
        let probe: FileSystemProbe
        do { probe = try FileSystemProbe(in: folder) } catch {
            return [.problem(check, error.reason, why: "nothing can be written there", advice: error.advice)]
        }
        let needed = [
            (probe.hasHardLinks, "hard links", "deployments share their files with the store by them"),
            (probe.hasExtendedAttributes, "extended attributes", "file capabilities and labels are kept in them"),
            (probe.keepsOwners, "owners and set-id bits", "a root file system cannot do without them"),
        ]
        var findings = needed.filter { !$0.0 }.map { feature in
            Finding.problem(
                check, "\(folder) has no \(feature.1)", why: feature.2, advice: "use ext4, xfs or btrfs")
        }
        if !probe.hasImmutableFiles {
            let why = "nothing keeps root from writing into a deployment's folder beside /usr and /etc by mistake"
            findings.append(.warning(check, "files cannot be made immutable here", why: why))
        }
        return findings.isEmpty
            ? [.ok(check, "hard links, attributes, owners and the immutable flag work")] : findings
    }
}
