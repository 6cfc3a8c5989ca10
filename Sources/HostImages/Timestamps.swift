import Glibc

/// Seconds since 1970 in words.
enum Timestamps {
    /// As a version: `20251108.101200`, in UTC.
    static func version(_ seconds: UInt64) -> String { format(seconds, "%Y%m%d.%H%M%S") }

    /// For people and for JSON: `2025-11-08T10:12:00Z`.
    static func text(_ seconds: UInt64) -> String { format(seconds, "%Y-%m-%dT%H:%M:%SZ") }

    /// Of a time as RFC 3339 writes it, `2025-11-08T10:12:00Z` with or without a fraction; `nil` for anything else and for
    /// times before 1970.
    static func seconds(_ text: String) -> UInt64? {
        let whole = Array(text.utf8.prefix(19))
        let zone = text.dropFirst(19).drop { $0 == "." || $0.isASCII && $0.isNumber }
        guard whole.count == 19, zone == "Z" || zone == "+00:00" else { return nil }
        let separators = [4: "-", 7: "-", 10: "T", 13: ":", 16: ":"]
        guard separators.allSatisfy({ [whole[$0.key]].elementsEqual($0.value.utf8) }) else { return nil }
        let fields = [(0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2)].compactMap { start, length in
            UInt16(String(decoding: whole[start..<(start + length)], as: UTF8.self)).map(Int32.init)
        }
        guard fields.count == 6 else { return nil }
        var parts = tm()
        (parts.tm_year, parts.tm_mon, parts.tm_mday) = (fields[0] - 1900, fields[1] - 1, fields[2])
        (parts.tm_hour, parts.tm_min, parts.tm_sec) = (fields[3], fields[4], fields[5])
        return UInt64(exactly: timegm(&parts))
    }

    private static func format(_ seconds: UInt64, _ pattern: String) -> String {
        var time = time_t(clamping: seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let length = strftime(&buffer, buffer.count, pattern, &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
