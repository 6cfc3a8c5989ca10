import CLinux
import Glibc
public import SystemPackage

/// The process as the kernel started it.
public enum ProcessStart {
    /// All arguments, the program's name first.
    ///
    /// `CommandLine.arguments` is empty where /proc is not mounted, so that in a bare chroot every flag
    /// would silently be lost; these come from a C constructor instead.
    public static let arguments: [String] = (0..<hostctl_argument_count()).compactMap { index in
        hostctl_argument(index).map { String(cString: $0) }
    }

    /// The process id.
    public static var id: Int32 { getpid() }

    /// The path of the running executable as it was given to `execve`; may be relative.
    public static let executable: FilePath? = hostctl_executable_path().map { FilePath(String(cString: $0)) }
}

/// The process's working folder.
public enum CurrentFolder {
    /// Its absolute path; `nil` when it has been removed.
    public static var path: FilePath? {
        guard let text = getcwd(nil, 0) else { return nil }
        defer { free(text) }
        return FilePath(String(cString: text))
    }
}
