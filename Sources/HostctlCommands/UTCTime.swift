import Glibc

/// A moment for people, as `2026-11-28 04:41 UTC`.
public struct UTCTime: CustomStringConvertible {
    private let seconds: Int64

    /// - Parameter seconds: since 1970.
    public init(_ seconds: Int64) { self.seconds = seconds }

    public var description: String {
        var time = time_t(seconds)
        var parts = tm()
        var text = [CChar](repeating: 0, count: 64)
        guard gmtime_r(&time, &parts) != nil, strftime(&text, text.count, "%Y-%m-%d %H:%M UTC", &parts) > 0 else {
            return "\(seconds) s after 1970"
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
