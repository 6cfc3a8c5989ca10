import Glibc

/// The environment of tools and hooks: nothing of the operator's own shell, so that builds do not differ by it.
struct BuildEnvironment {
    /// For mmdebstrap, and the base of the others.
    let common: [String: String]

    /// - Parameter sourceDate: seconds since 1970; `nil` for a fixed day, so that the initramfs and the dates in
    ///   the password file do not differ from build to build.
    init(sourceDate: UInt64?) {
        var variables = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
            "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "TZ": "UTC",
        ]
        // Not a matter of content: without its proxy some networks cannot reach a mirror at all.
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            if let value = Self.variable(name) ?? Self.variable(name.uppercased()) { variables[name] = value }
        }
        variables["SOURCE_DATE_EPOCH"] = String(sourceDate ?? Self.fixedDate)
        common = variables
    }

    /// The first day of 2024; only the tools see it, the commit has the archive's date.
    private static let fixedDate: UInt64 = 1_704_067_200

    /// The operator's `SOURCE_DATE_EPOCH`.
    ///
    /// - Throws: `ImageError.invalidSourceDate`.
    static func sourceDate() throws(ImageError) -> UInt64? { try sourceDate(from: variable("SOURCE_DATE_EPOCH")) }

    static func sourceDate(from text: String?) throws(ImageError) -> UInt64? {
        guard let text, !text.isEmpty else { return nil }
        guard let seconds = UInt64(text) else { throw .invalidSourceDate(text) }
        return seconds
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
