/// A length of time as systemd.time(7) writes it: `90`, `5min`, `1h 30min`, `2 days`.
public enum TimeSpan {
    private static let units: [(names: [String], seconds: Int64)] = [
        (["s", "sec", "second", "seconds"], 1), (["m", "min", "minute", "minutes"], 60),
        (["h", "hr", "hour", "hours"], 3600), (["d", "day", "days"], 86_400), (["w", "week", "weeks"], 604_800),
    ]

    /// Whole seconds; a number without a unit is seconds. `nil` for anything else, and for what no clock can count.
    public static func seconds(_ text: some StringProtocol) -> Int64? {
        var total: Int64 = 0
        var rest = text.trimmingSpace[...]
        if rest.isEmpty { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let number = Int64(digits) else { return nil }
            rest = rest.dropFirst(digits.count).drop { $0 == " " }
            let unit = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(unit.count).drop { $0 == " " }
            let length = unit.isEmpty ? 1 : units.first { $0.names.contains(String(unit)) }?.seconds
            // "5 10" would be fifteen seconds, and nobody means that.
            guard let length, !unit.isEmpty || rest.isEmpty else { return nil }
            let (part, isTooMuch) = number.multipliedReportingOverflow(by: length)
            let (sum, isOver) = total.addingReportingOverflow(part)
            guard !isTooMuch, !isOver else { return nil }
            total = sum
        }
        return total
    }
}
