public import LinuxSystem

/// A settings file that cannot be used, with the place to look at.
public struct SettingsError: ExplainedError, Equatable {
    /// The file, and the line when there is one: `image.conf:12`.
    public let place: String
    /// What is wrong there.
    public let problem: String
    public let advice: String?

    public init(_ place: String, _ problem: String, advice: String? = nil) {
        self.place = place
        self.problem = problem
        self.advice = advice
    }

    public var reason: String { "\(place): \(problem)" }
}
