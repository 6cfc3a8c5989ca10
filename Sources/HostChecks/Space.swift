import Glibc
import LinuxSystem
import ObjectFormats
import ObjectStorage
import Sysroots
import SystemPackage

extension Examination {
    /// Bytes and files that an upgrade needs for its own records, whatever the release.
    private static let least: (bytes: Int64, files: Int64) = (64 << 20, 2000)

    /// Whether another release fits beside those that are deployed.
    var space: [Finding] {
        let check = "space"
        let space: FileSystemSpace
        do { space = try FileSystemSpace(at: paths.repository.removingLastComponent()) } catch {
            return [.problem(check, error.reason, why: "the free space is not known", advice: error.advice)]
        }
        let advice = "remove what is not needed, or enlarge the file system"
        let free = "\(ByteText(space.bytes)) are free"
        if space.files < Self.least.files {
            let why = "each new file of a release needs one"
            return [.problem(check, "only \(space.files) files may still be made", why: why, advice: advice)]
        }
        if space.bytes < Self.least.bytes {
            let why = "an upgrade needs more than this"
            return [.problem(check, "only \(free) on \(paths.root)", why: why, advice: advice)]
        }
        if let size = installedSize, space.bytes < size {
            let why = "a release in which every file is new takes \(ByteText(size)); most need far less"
            return [.warning(check, "\(free) on \(paths.root)", why: why, advice: advice)]
        }
        return [.ok(check, "\(free) on \(paths.root)")]
    }

    /// The bytes of the default deployment's image, which the next one is likely to have, too.
    private var installedSize: Int64? {
        guard let record = report?.defaultDeployment else { return nil }
        do {
            let commit = try Store(opening: paths.repository).commit(record.checksum)
            guard case .uint64(let size)? = commit.metadata[Commit.Key.installedSize] else { return nil }
            return Int64(clamping: size)
        } catch {
            // The report has told of a damaged store; this only makes a better guess possible.
            return nil
        }
    }

    /// What /boot lies on, and whether another kernel fits.
    var boot: [Finding] {
        let check = "boot"
        let place = bootPlace
        let kind: FileSystemKind
        let space: FileSystemSpace
        do {
            kind = try FileSystemKind(of: place)
            space = try FileSystemSpace(at: place)
        } catch {
            return [.problem(check, error.reason, why: "the host starts from there", advice: error.advice)]
        }
        if kind.isFAT, !paths.hasBootPartition {
            let why = "the link that chooses the boot entries cannot be made there"
            let advice = "put ext4 on the boot partition"
            return [.problem(check, "\(paths.boot) is on \(kind.name)", why: why, advice: advice)]
        }
        if kind.isReadOnly {
            let why = "no kernel can be added for a new release"
            let advice = "remount it writable: mount -o remount,rw \(place)"
            return [.problem(check, "\(place) is mounted read-only", why: why, advice: advice)]
        }
        return [.ok(check, "\(place) is on \(kind.name)"), bootSpace(space, kind)]
    }

    /// Where kernels and boot entries lie.
    private var bootPlace: FilePath { paths.hasBootPartition ? paths.bootPartition : paths.boot }

    private func bootSpace(_ space: FileSystemSpace, _ kind: FileSystemKind) -> Finding {
        let check = "boot-space"
        do {
            if try FileSystemKind(of: paths.repository.removingLastComponent()).device == kind.device {
                return .ok(check, "kernels share their file system with the store, which keeps them anyway")
            }
            let needed = try kernelSize()
            let free = "\(ByteText(space.bytes)) are free on \(bootPlace)"
            if space.bytes >= needed { return .ok(check, "\(free), a kernel takes \(ByteText(needed))") }
            let why = "a release with another kernel takes \(ByteText(needed)), and is refused"
            let advice = "unpin deployments that are not needed, or enlarge the partition"
            return .problem(check, "only \(free)", why: why, advice: advice)
        } catch {
            let reason = (error as? any ExplainedError)?.reason ?? "\(error)"
            return .warning(check, reason, why: "whether another kernel fits is not known")
        }
    }

    /// The bytes of the default deployment's kernel and initramfs, with a margin for entries.
    private func kernelSize() throws -> Int64 {
        let margin: Int64 = 1 << 20
        guard let record = report?.defaultDeployment, let checksum = record.bootChecksum else { return margin }
        let folder = paths.bootKernel(of: record, checksum)
        return try Files.names(in: folder).reduce(margin) { sum, name in
            sum + Int64(try Descriptor(opening: folder.appending(name).string, flags: O_NONBLOCK).status().st_size)
        }
    }
}

/// Bytes for people, in MB.
struct ByteText: CustomStringConvertible {
    private let bytes: Int64

    init(_ bytes: Int64) { self.bytes = bytes }

    var description: String { bytes < 10_000_000 ? "\(bytes / 1000) kB" : "\(bytes / 1_000_000) MB" }
}
