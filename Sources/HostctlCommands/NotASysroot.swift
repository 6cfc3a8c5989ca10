public import LinuxSystem

/// `status` was asked of a folder that holds no sysroot.
public struct NotASysroot: ExplainedError {
    private let path: String

    /// - Parameter path: the folder.
    public init(path: String) { self.path = path }

    public var reason: String { "\(path) is not a sysroot" }
    public var advice: String? { "make one with 'hostctl install sysroot', or give another --sysroot" }
}
