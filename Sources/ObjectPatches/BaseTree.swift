import Checksums
import ObjectFormats
import ObjectStorage

/// What hosts at one commit have, and where in it something like a new object may be.
struct BaseTree {
    let commit: Checksum
    private var objects: Set<ObjectName> = []
    private var paths: [String: ObjectName] = [:]
    /// By path and by last name, version digits stripped.
    private var similarPaths: [String: ObjectName] = [:]
    private var similarNames: [String: ObjectName] = [:]

    /// - Throws: `StoreError` when the store does not have the whole tree.
    init(_ commit: Checksum, in store: Store) throws {
        self.commit = commit
        try store.forEachPath(of: commit) { path, name in
            objects.insert(name)
            guard name.kind != .dirmeta else { return }
            paths[path] = name
            similarPaths[Self.stripped(path)] = name
            if name.kind == .file { similarNames[Self.stripped(Self.lastName(path))] = name }
        }
    }

    func contains(_ name: ObjectName) -> Bool { objects.contains(name) }

    /// What may be an earlier version of an object: what has the same path, else the same but for version numbers, else
    /// the same name elsewhere.
    func candidate(for path: String, _ kind: ObjectKind) -> ObjectName? {
        if kind == .dirmeta { return nil }
        let found = paths[path] ?? similarPaths[Self.stripped(path)]
        if let found, found.kind == kind { return found }
        return kind == .file ? similarNames[Self.stripped(Self.lastName(path))] : nil
    }

    private static func lastName(_ path: String) -> String { String(path.split(separator: "/").last ?? "") }

    /// `modules/6.1.0-50-amd64/a.ko` becomes `modules/#-amd64/a.ko`: a run that begins with a digit, up to what cannot
    /// be in a version.
    static func stripped(_ path: String) -> String {
        var result: [UInt8] = []
        var isInVersion = false
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let joints = Set(".-+~_:".utf8)
        let bytes = Array(path.utf8)
        for (index, byte) in bytes.enumerated() {
            let continues =
                isInVersion && joints.contains(byte) && index + 1 < bytes.count && digits.contains(bytes[index + 1])
            if digits.contains(byte) || continues {
                if !isInVersion { result.append(UInt8(ascii: "#")) }
                isInVersion = true
            } else {
                isInVersion = false
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
