import COSTree

/// A deployment as libostree sees it, at the moment the sysroot was loaded or the deployment was made.
public struct Deployment: Sendable {
    /// The position in the boot order; 0 is the default.
    public let index: Int
    /// The stateroot it belongs to.
    public let stateroot: String
    /// The commit, 64 hexadecimal digits.
    public let checksum: String
    /// Tells deployments of one commit apart.
    public let serial: Int
    /// The checksum of kernel and initramfs, in the name of their folder under /boot/ostree.
    public let bootChecksum: String
    /// Whether it is the one that runs.
    public let isBooted: Bool

    let object: GObject

    /// Copies what libostree tells about `object`; on the library's thread only.
    init(_ object: GObject, isBooted: Bool = false) {
        let pointer = object.pointer
        index = Int(ostree_deployment_get_index(pointer))
        stateroot = String(cString: ostree_deployment_get_osname(pointer))
        checksum = String(cString: ostree_deployment_get_csum(pointer))
        serial = Int(ostree_deployment_get_deployserial(pointer))
        bootChecksum = ostree_deployment_get_bootcsum(pointer).map { String(cString: $0) } ?? ""
        self.isBooted = isBooted
        self.object = object
    }
}
