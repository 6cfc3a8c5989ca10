import LinuxSystem

/// `status` was asked of a folder that holds no sysroot.
struct NotASysroot: ExplainedError {
    let path: String
    var reason: String { "\(path) is not a sysroot" }
    var advice: String? { "make one with 'hostctl install sysroot', or give another --sysroot" }
}
