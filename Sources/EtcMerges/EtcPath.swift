/// A name in a folder: any bytes but `/` and NUL.
struct EtcName: Hashable, Comparable {
    let bytes: [UInt8]
    /// With the closing NUL, for system calls.
    let cString: [CChar]

    init(bytes: [UInt8]) {
        self.bytes = bytes
        cString = bytes.map { CChar(bitPattern: $0) } + [0]
    }

    init(_ text: String) { self.init(bytes: Array(text.utf8)) }

    static func < (first: EtcName, second: EtcName) -> Bool {
        first.bytes.lexicographicallyPrecedes(second.bytes)
    }
}

/// A path below /etc, without a leading slash; its names may be any bytes.
public struct EtcPath: Hashable, Sendable, CustomStringConvertible {
    /// As the file system has it; empty for /etc itself.
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: String) { bytes = Array(text.utf8) }

    static let root = EtcPath(bytes: [])

    func appending(_ name: EtcName) -> EtcPath {
        EtcPath(bytes: bytes.isEmpty ? name.bytes : bytes + [UInt8(ascii: "/")] + name.bytes)
    }

    /// The path for people and JSON: bytes that are not UTF-8, control characters and backslashes as `\xNN`. `.` is
    /// /etc itself.
    public var description: String {
        if bytes.isEmpty { return "." }
        let text = String(validating: bytes, as: UTF8.self)
        if let text, text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F && $0 != "\\" }) {
            return text
        }
        let isText = text != nil
        return bytes.reduce(into: [UInt8]()) { result, byte in
            let isPlain = byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\\") || isText && byte >= 0x80
            if isPlain { return result.append(byte) }
            let digits = String(byte, radix: 16)
            result += Array("\\x\(byte < 16 ? "0" : "")\(digits)".utf8)
        }.asText
    }
}

extension [UInt8] {
    fileprivate var asText: String { String(decoding: self, as: UTF8.self) }
}
