/// A part of a file whose size is known.
public struct ByteRange: Hashable, Sendable {
    /// From the file's beginning; not empty.
    public let bytes: Range<Int64>
    /// The bytes of the whole file: a server that says otherwise has another file.
    public let fileSize: Int64

    public init(_ bytes: Range<Int64>, of fileSize: Int64) {
        self.bytes = bytes
        self.fileSize = fileSize
    }

    public var count: Int64 { bytes.upperBound - bytes.lowerBound }

    /// What is left when the first bytes are here.
    func dropping(_ count: Int64) -> ByteRange {
        ByteRange((bytes.lowerBound + count)..<bytes.upperBound, of: fileSize)
    }

    /// As `Range` has it behind the unit (RFC 9110, section 14.1.2).
    var text: String { "\(bytes.lowerBound)-\(bytes.upperBound - 1)" }

    /// The `Content-Range` of the one right answer.
    var contentRange: String { "bytes \(text)/\(fileSize)" }
}
