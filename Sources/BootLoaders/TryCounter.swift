/// How often an entry may still be tried, and how often it was: `+LEFT` or `+LEFT-DONE` at the end of an entry's name.
///
/// As the UAPI boot loader specification has it: the loader counts down `left` and up `done` before it starts the
/// entry, keeping the number of digits of each; `done` stays where it has no more room. An entry without a counter is
/// good. `+0` is exhausted: it comes after all others.
public struct TryCounter: Sendable, Equatable {
    /// The most tries that both loaders can count; GRUB has no arithmetic.
    public static let mostTries = 9

    /// Tries that are left.
    public let left: Int
    /// Tries that have been used.
    public let done: Int
    private let leftDigits: Int
    private let doneDigits: Int

    /// A counter with `left` tries, `done` of them used.
    public init(left: Int, done: Int = 0) {
        self.left = max(left, 0)
        self.done = max(done, 0)
        leftDigits = String(self.left).count
        doneDigits = done > 0 ? String(self.done).count : 0
    }

    /// Whether no try is left.
    public var isExhausted: Bool { left == 0 }

    /// Reads what follows a name: `+3`, `+2-1`; `nil` for anything else, such as `+`, `+3-`, `+-1` or `+3x`.
    public init?(parsing text: some StringProtocol) {
        guard text.utf8.first == UInt8(ascii: "+") else { return nil }
        let parts = text.dropFirst().split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let left = Self.number(parts[0]), let done = parts.count > 1 ? Self.number(parts[1]) : 0 else {
            return nil
        }
        self.left = left
        self.done = done
        leftDigits = parts[0].utf8.count
        doneDigits = parts.count > 1 ? parts[1].utf8.count : 0
    }

    /// At most eight digits and nothing else.
    static func number(_ text: some StringProtocol) -> Int? {
        guard (1...8).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return Int(text)
    }

    /// The counter as a name has it.
    public var text: String {
        let leftText = Self.padded(left, leftDigits)
        return doneDigits == 0 ? "+\(leftText)" : "+\(leftText)-\(Self.padded(done, doneDigits))"
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(digits - text.count, 0)) + text
    }

    /// The counter after one more try, as the loader writes it; itself when nothing is left.
    public func afterTry() -> TryCounter {
        guard left > 0 else { return self }
        let digits = max(doneDigits, 1)
        let most = (0..<digits).reduce(1) { power, _ in power * 10 } - 1
        return TryCounter(
            left: left - 1, done: min(done + 1, most), leftDigits: leftDigits, doneDigits: digits)
    }

    /// The counter of an entry that is not to be tried again.
    public func exhausted() -> TryCounter {
        TryCounter(left: 0, done: done, leftDigits: leftDigits, doneDigits: doneDigits)
    }

    private init(left: Int, done: Int, leftDigits: Int, doneDigits: Int) {
        self.left = left
        self.done = done
        self.leftDigits = leftDigits
        self.doneDigits = doneDigits
    }

    /// Counters are equal when they count the same, however they are written.
    public static func == (one: TryCounter, other: TryCounter) -> Bool {
        one.left == other.left && one.done == other.done
    }
}
