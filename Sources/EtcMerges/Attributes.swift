import CLinux
import Glibc
import LinuxSystem

/// The extended attributes of an open file or folder, by name: access control lists and capabilities among them.
///
/// Links have none that a user can set, and theirs are not looked at.
typealias Attributes = [[CChar]: [UInt8]]

extension Attributes {
    /// A security policy's labels follow from the path, and usr/etc has others than etc: they are copied, not compared.
    private static let label = "security.selinux".utf8CString.map { $0 }

    /// Without labels, for comparison.
    var compared: Attributes { filter { $0.key != Self.label } }

    /// - Throws: `SystemError`. Where the file system has none, there are none.
    init(of file: borrowing Descriptor) throws(SystemError) {
        self = [:]
        let raw = file.raw
        let size = hostctl_flistxattr(raw, nil, 0)
        if size == 0 || size < 0 && errno == ENOTSUP { return }
        var list = [CChar](repeating: 0, count: Swift.max(size, 0))
        let count = try retrying("list the attributes of", file.path) { hostctl_flistxattr(raw, &list, list.count) }
        for name in list.prefix(count).split(separator: 0).map({ Array($0) + [0] }) {
            let size = hostctl_fgetxattr(raw, name, nil, 0)
            // Removed meanwhile, or only shown to those who may read it.
            if size < 0, errno == ENODATA || errno == ENOTSUP { continue }
            var value = [UInt8](repeating: 0, count: Swift.max(size, 0))
            let length = try retrying("read an attribute of", file.path) {
                hostctl_fgetxattr(raw, name, &value, value.count)
            }
            self[name] = Array(value.prefix(length))
        }
    }

    /// Gives an open file or folder these attributes.
    func write(to file: borrowing Descriptor) throws(SystemError) {
        for (name, value) in self {
            try retrying("set an attribute of", file.path) { hostctl_fsetxattr(file.raw, name, value, value.count) }
        }
    }
}
