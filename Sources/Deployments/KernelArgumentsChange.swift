import LinuxSystem
import ObjectStorage
public import Sysroots
public import SystemPackage

/// The kernel's arguments of a deployment, and who wants them.
public struct KernelArgumentsReport: Sendable, Equatable {
    /// Where an argument comes from; the raw values are part of the JSON format.
    public enum Origin: String, Sendable {
        /// The image: the next image may change or drop it.
        case image
        /// This host: it survives updates.
        case local
        /// This host has it, and it cannot be read which ones the image brought.
        case unknown
    }

    public struct Argument: Sendable, Equatable {
        public let text: String
        public let origin: Origin
    }

    /// Whose arguments these are: what the next boot starts.
    public let deployment: DeploymentRecord
    /// In the order of the kernel's command line, without what says which deployment is booted.
    public let arguments: [Argument]
    /// What the image brings and an operator has taken away.
    public let removed: [String]
    /// Whether a new deployment was made.
    public var isChanged = false

    init(_ record: DeploymentRecord, image: [String]?) {
        deployment = record
        arguments = record.kernelArguments.map { text in
            Argument(text: text, origin: image.map { $0.contains(text) ? .image : .local } ?? .unknown)
        }
        removed = (image ?? []).filter { !record.kernelArguments.contains($0) }
    }

    /// Reads them without a lock.
    ///
    /// - Throws: `DeploymentError.notASysroot`, `DeploymentError.unknownDeployment` without any deployment.
    public static func read(root: FilePath, host: RunningHost = RunningHost()) throws -> KernelArgumentsReport {
        let reader = SysrootReader(root: root, host: host)
        guard reader.isSysroot else { throw DeploymentError.notASysroot(path: root.string) }
        guard let record = reader.report().nextBoot else { throw DeploymentError.unknownDeployment("default") }
        // Without privileges, or with a damaged store, the arguments are still known, and their origin is not.
        let image: [String]?
        do {
            let store = try Store(opening: reader.paths.repository)
            image = try ImageArguments.read(store.commit(record.checksum), in: store)
        } catch is SystemError { image = nil } catch is StoreError { image = nil }
        return KernelArgumentsReport(record, image: image)
    }
}

extension SysrootChange {
    /// Makes a new deployment of what the next boot would start, with other arguments for the kernel; the present one
    /// stays as rollback. When nothing would be different, nothing is made.
    ///
    /// - Throws: `DeploymentError`, and whatever `deploy` throws.
    public func changeKernelArguments(_ changes: KernelArgumentChanges) throws -> KernelArgumentsReport {
        guard let record = report().nextBoot else { throw DeploymentError.unknownDeployment("default") }
        let image = try ImageArguments.read(store.commit(record.checksum), in: store)
        let arguments = try changes.applied(to: record.kernelArguments)
        if arguments == record.kernelArguments { return KernelArgumentsReport(record, image: image) }
        // What an interrupted turn has completed was something else.
        completed = nil
        var request = DeployRequest(
            commit: record.checksum, refspec: record.refspec ?? "", stateroot: record.stateroot)
        request.exactKernelArguments = arguments
        var report = KernelArgumentsReport(try deploy(request), image: image)
        report.isChanged = true
        return report
    }
}
