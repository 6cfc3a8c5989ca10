import ObjectFormats
import Testing

@Suite struct FileHeaderTests {
    private let header = FileHeader(attributes: Sample.attributes, content: .regular)

    /// What follows the length in an archive object.
    private func body(_ header: FileHeader, size: UInt64 = 5) -> [UInt8] {
        Array(header.archivePrefix(size: size).dropFirst(8))
    }

    private func refused(_ bytes: [UInt8]) {
        #expect(throws: FormatError.self) { try FileHeader.decode(archive: bytes) }
    }

    @Test("a file's header is read as it was written")
    func regular() throws {
        let decoded = try FileHeader.decode(archive: body(header))
        #expect(decoded.header == header)
        #expect(decoded.size == 5)
    }

    @Test("a link's header is read as it was written")
    func link() throws {
        let link = FileHeader(attributes: FileAttributes(permissions: 0o777), content: .link(target: "../ü"))
        #expect(try FileHeader.decode(archive: body(link, size: 0)).header == link)
    }

    @Test("the length is that of what follows")
    func length() throws {
        let bytes = header.archivePrefix(size: 5)
        #expect(try FileHeader.archiveHeaderLength(bytes.prefix(8)) == bytes.count - 8)
    }

    @Test(
        "a length of zero or of gigabytes is refused",
        arguments: [[0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0, 0x10, 0, 1]])
    func lengthOutOfBounds(length: [UInt8]) {
        #expect(throws: FormatError.self) { try FileHeader.archiveHeaderLength(length + [0, 0, 0, 0]) }
    }

    @Test("fewer than eight bytes hold no length")
    func shortLength() {
        #expect(throws: FormatError.self) { try FileHeader.archiveHeaderLength([0, 0, 0, 9]) }
    }

    @Test(
        "the mode of a device, a pipe, a socket or a folder is refused",
        arguments: [0o020000, 0o060000, 0o010000, 0o140000, 0o040000] as [UInt32])
    func otherKinds(type: UInt32) {
        var bytes = body(header)
        withUnsafeBytes(of: (type | 0o644).bigEndian) { bytes.replaceSubrange(16..<20, with: $0) }
        refused(bytes)
    }

    @Test("bits above the mode are refused")
    func strayModeBits() {
        var bytes = body(header)
        bytes[16] = 0x80
        refused(bytes)
    }

    @Test("a device number is refused")
    func deviceNumber() {
        var bytes = body(header)
        bytes[23] = 1
        refused(bytes)
    }

    @Test("a regular file with a link target is refused")
    func fileWithTarget() {
        var bytes = body(FileHeader(attributes: Sample.attributes, content: .link(target: "x")))
        withUnsafeBytes(of: UInt32(0o100644).bigEndian) { bytes.replaceSubrange(16..<20, with: $0) }
        refused(bytes)
    }

    @Test("a link without a target is refused")
    func linkWithoutTarget() {
        var bytes = body(header)
        withUnsafeBytes(of: UInt32(0o120777).bigEndian) { bytes.replaceSubrange(16..<20, with: $0) }
        refused(bytes)
    }
}
