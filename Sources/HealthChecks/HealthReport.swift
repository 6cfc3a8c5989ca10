import LinuxSystem
public import SystemPackage
public import TrustMetadata

/// What the health checks of a boot came to.
public struct HealthReport: Sendable, Equatable {
    /// One check.
    public struct Result: Sendable, Equatable {
        /// The file's path, or `unit NAME`, or `origin`.
        public var name: String
        /// Whether the boot has failed when it fails.
        public var isRequired: Bool
        /// `nil` when it passed; else one sentence without a full stop.
        public var failure: String?

        public init(name: String, isRequired: Bool, failure: String?) {
            self.name = name
            self.isRequired = isRequired
            self.failure = failure
        }
    }

    /// In the order in which they ran.
    public var results: [Result]

    public init(results: [Result] = []) { self.results = results }

    /// Whether all required ones passed.
    public var isHealthy: Bool { firstFailure == nil }

    /// Why the boot failed: `NAME: REASON` of the first required check that did.
    public var firstFailure: String? {
        results.first { $0.isRequired && $0.failure != nil }.map { "\($0.name): \($0.failure ?? "")" }
    }

    /// The file that tells the results of this boot.
    public static let path = FilePath("/run/hostctl/health.json")

    /// `healthy` and `checks`.
    public var json: JSONValue {
        [
            "format": 1, "healthy": .bool(isHealthy),
            "checks": .array(
                results.map { result in
                    [
                        "name": .string(result.name), "required": .bool(result.isRequired),
                        "passed": .bool(result.failure == nil),
                        "reason": result.failure.map { .string($0) } ?? .null,
                    ]
                }),
        ]
    }

    /// Replaces the file.
    ///
    /// - Throws: `SystemError`.
    public func save(_ path: FilePath = HealthReport.path) throws {
        try Files.makeFolder(path.removingLastComponent())
        try Files.replace(path, with: json.encode(pretty: true) + [UInt8(ascii: "\n")])
    }

    /// Reads the file; `nil` when no check has run in this boot, or when it cannot be read.
    public static func load(_ path: FilePath = HealthReport.path) -> HealthReport? {
        do {
            guard let bytes = try Files.readIfPresent(path, limit: 1 << 20) else { return nil }
            let fields = try JSONFields(strict: bytes, what: path.string)
            try fields.requireFormat(1)
            return HealthReport(
                results: try fields.objects("checks").map { check in
                    Result(
                        name: try check.string("name"), isRequired: try check.bool("required"),
                        failure: try check.bool("passed") ? nil : check.string("reason"))
                })
        } catch { return nil }
    }
}
