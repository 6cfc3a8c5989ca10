public import Checksums
public import LinuxSystem
import ObjectFormats
import Synchronization

extension StoreTransaction {
    /// Stages a commit's objects, copied out of a bare store into this archive one: compressed and verified by
    /// several threads. What is there already is skipped.
    ///
    /// - Returns: how many objects were new, and their compressed bytes.
    /// - Throws: `StoreError.missing` or `.corrupted` when the source is not whole, `SystemError`.
    public func copy(
        _ commit: Checksum, from source: Store, workers: Int, progress: @escaping ProgressHandler = { _ in }
    ) throws -> (objects: Int, bytes: Int64) {
        var files: [ObjectName] = []
        var metadata: [ObjectName] = []
        try source.forEachObject(of: commit) { name in
            if name.kind == .file { files.append(name) } else { metadata.append(name) }
        }
        let missing = files.filter { !contains($0) }
        let bytes = try copyFiles(missing, from: source, workers: workers, progress: progress)
        var objects = missing.count
        for name in metadata where !contains(name) {
            try write(name.kind, source.metadata(name), expected: name.checksum)
            objects += 1
        }
        return (objects, bytes)
    }

    private func copyFiles(
        _ names: [ObjectName], from source: Store, workers: Int, progress: @escaping ProgressHandler
    ) throws -> Int64 {
        let next = Atomic(0)
        let bytes = Atomic<Int64>(0)
        try Workers.run(workers) { _, stop in
            let writer = ArchiveObjectWriter(self)
            while !stop.isSet {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < names.count else { return }
                FaultPoint.reached("publish.object")
                bytes.wrappingAdd(try writer.copy(names[index], from: source), ordering: .relaxed)
                if index % 32 == 0 || index == names.count - 1 {
                    progress(
                        ProgressReport(
                            "compressing objects", done: Int64(index + 1), total: Int64(names.count), unit: .objects))
                }
            }
        }
        return bytes.load(ordering: .relaxed)
    }
}

extension Store {
    /// What a host that has `base` must fetch and store for `commit`, both in this archive store.
    ///
    /// - Parameters:
    ///   - base: `nil` for a host that has nothing.
    ///   - source: a bare store that has `commit`, for the uncompressed sizes.
    /// - Returns: the number of new objects, their uncompressed and their compressed bytes.
    /// - Throws: `StoreError`, `SystemError`.
    public func additions(
        of commit: Checksum, over base: Checksum?, source: Store
    ) throws -> (objects: Int64, bytes: Int64, compressedBytes: Int64) {
        var present = Set<ObjectName>()
        if let base { try forEachObject(of: base) { present.insert($0) } }
        var result: (objects: Int64, bytes: Int64, compressedBytes: Int64) = (0, 0, 0)
        try forEachObject(of: commit) { name in
            guard !present.contains(name) else { return }
            result.objects += 1
            result.bytes += try source.size(of: name)
            result.compressedBytes += try size(of: name)
        }
        return result
    }
}
