/// The partitions of a host's disk: all in bytes, each on a border of 1 MiB.
public struct DiskLayout: Sendable, Equatable {
    /// One partition.
    public struct Partition: Sendable, Equatable {
        /// Its name in the table.
        public let name: String
        /// Its type, of the Discoverable Partitions Specification where that has one.
        public let type: String
        /// The PARTUUID, in lower case.
        public let identifier: String
        public let start: Int64
        public let size: Int64
        /// Whether its file system is to be grown at boot: bit 59 of the specification.
        var isGrown = false
    }

    /// For GRUB's core image; there whatever the loader is, so that the disk's other boot loader can be chosen later.
    public let bios: Partition
    public let boot: Partition
    public let root: Partition
    /// For what the operator keeps apart from the host.
    public let data: Partition?

    private static let mebibyte: Int64 = 1 << 20

    /// Divides a disk.
    ///
    /// - Parameters:
    ///   - size: the disk's, in bytes.
    ///   - bootSize: of the boot partition, in bytes.
    ///   - rootSize: of the root when a data partition gets the rest; `nil` for a disk without one.
    ///   - needed: what the root must have at least, in bytes.
    ///   - path: the disk, for messages.
    /// - Throws: `DiskError.tooSmall`.
    public init(
        size: Int64, bootSize: Int64, rootSize: Int64? = nil, needed: Int64, architecture: String, path: String
    ) throws(DiskError) {
        let unit = Self.mebibyte
        func rounded(_ bytes: Int64) -> Int64 { (bytes + unit - 1) / unit * unit }
        // The last MiB has the table's copy.
        let end = size / unit * unit - unit
        let rootStart = 2 * unit + rounded(bootSize)
        let least = rootStart + rounded(max(needed, rootSize ?? 0)) + (rootSize == nil ? 0 : 64 * unit) + unit
        guard size >= least else { throw .tooSmall(path: path, size: size, needed: least) }
        let rootEnd = rootSize.map { rootStart + rounded(max($0, needed)) } ?? end
        bios = Partition(
            name: "bios", type: "21686148-6449-6e6f-744e-656564454649", identifier: Self.identifier(), start: unit,
            size: unit)
        boot = Partition(
            name: "esp", type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", identifier: Self.identifier(),
            start: 2 * unit, size: rounded(bootSize))
        let rootType =
            architecture == "aarch64"
            ? "b921b045-1df0-41c3-af44-4c6f280d3fae" : "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
        root = Partition(
            name: "root", type: rootType, identifier: Self.identifier(), start: rootStart, size: rootEnd - rootStart
        )
        data =
            rootSize == nil
            ? nil
            : Partition(
                name: "data", type: "0fc63daf-8483-4772-8e79-3d69d8477de4", identifier: Self.identifier(),
                start: rootEnd, size: end - rootEnd, isGrown: true)
    }

    /// A random UUID (RFC 9562, version 4), in lower case.
    private static func identifier() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { digits[$0].joined() }.joined(separator: "-")
    }

    /// The table as sfdisk reads it.
    ///
    /// - Parameter sector: the disk's sectors, in bytes.
    func script(sector: Int64) -> String {
        var text = "label: gpt\nlabel-id: \(Self.identifier())\n"
        for partition in [bios, boot, root] + (data.map { [$0] } ?? []) {
            text +=
                "start=\(partition.start / sector), size=\(partition.size / sector), type=\(partition.type), "
                + "uuid=\(partition.identifier), name=\"\(partition.name)\""
                + (partition.isGrown ? ", attrs=\"GUID:59\"\n" : "\n")
        }
        return text
    }
}
