/// One thing that `hostctl doctor` looked at.
public struct Finding: Sendable, Equatable {
    /// How bad it is; the raw values are part of the JSON format.
    public enum Level: String, Sendable {
        /// As it should be, or not needed here.
        case ok
        /// Works, and may not for ever, or not for everything.
        case warning
        /// Commands fail, or the host is at risk.
        case problem
    }

    /// The check's name, which stays the same: `kernel`, `boot-space`.
    public let check: String
    public let level: Level
    /// What is so, or what is missing: one sentence without a full stop.
    public let text: String
    /// Why it matters; `nil` when all is well.
    public let why: String?
    /// What to do about it.
    public let advice: String?

    private init(_ check: String, _ level: Level, _ text: String, why: String?, advice: String?) {
        self.check = check
        self.level = level
        self.text = text
        self.why = why
        self.advice = advice
    }

    static func ok(_ check: String, _ text: String) -> Finding {
        Finding(check, .ok, text, why: nil, advice: nil)
    }

    static func warning(_ check: String, _ text: String, why: String, advice: String? = nil) -> Finding {
        Finding(check, .warning, text, why: why, advice: advice)
    }

    static func problem(_ check: String, _ text: String, why: String, advice: String? = nil) -> Finding {
        Finding(check, .problem, text, why: why, advice: advice)
    }
}
