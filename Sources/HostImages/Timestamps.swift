import Glibc

/// Seconds since 1970 in words.
enum Timestamps {
    /// As a version: `20251108.101200`, in UTC.
    static func version(_ seconds: UInt64) -> String { format(seconds, "%Y%m%d.%H%M%S") }

    /// For people and for JSON: `2025-11-08T10:12:00Z`.
    static func text(_ seconds: UInt64) -> String { format(seconds, "%Y-%m-%dT%H:%M:%SZ") }

    private static func format(_ seconds: UInt64, _ pattern: String) -> String {
        var time = time_t(clamping: seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, pattern, &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
