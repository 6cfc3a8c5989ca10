/// What a kernel takes where a host boots from: of an image that is here, or of a release that is not yet.
public struct BootableKernel: Equatable, Sendable {
    /// The boot checksum as libostree computes it: a host that has this kernel needs no room for it.
    public let bootChecksum: String
    /// Bytes of the kernel.
    public let size: Int64
    /// Bytes of the initramfs.
    public let initramfsSize: Int64

    public init(bootChecksum: String, size: Int64, initramfsSize: Int64) {
        self.bootChecksum = bootChecksum
        self.size = size
        self.initramfsSize = initramfsSize
    }

    /// - Returns: `nil` for what no boot partition takes: an image without an initramfs, or with device trees.
    public init?(_ kernel: ImageKernel) {
        guard kernel.initramfs != nil, !kernel.hasDeviceTrees, let checksum = kernel.bootChecksum else { return nil }
        self.init(bootChecksum: checksum, size: kernel.sizes.kernel, initramfsSize: kernel.sizes.initramfs)
    }
}
