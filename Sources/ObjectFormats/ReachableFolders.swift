/// The folders of a host image that every program on the host goes through.
///
/// When `/` has mode 0700, as a temporary folder has that an image was made in, the host boots and every service that is
/// not root's fails, the bus among them.
public enum ReachableFolders {
    /// Where an image has /etc.
    public static let etc = "usr/etc"
    /// Their paths in an image, relative to its root, which is the empty one.
    public static let paths = ["", "usr", "usr/bin", "usr/lib", "usr/sbin", "usr/share", etc]

    /// What is wrong with one of them, as `/usr (0700)`; `nil` when it is as it must be.
    public static func problem(of path: String, _ attributes: FileAttributes) -> String? {
        let name = path == etc ? "/etc" : "/\(path)"
        let permissions = attributes.permissions & 0o7777
        if attributes.uid != 0 { return "\(name) (owned by user \(attributes.uid))" }
        if permissions & 0o555 == 0o555, permissions & 0o022 == 0 { return nil }
        let digits = String(permissions, radix: 8)
        return "\(name) (\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits))"
    }
}
