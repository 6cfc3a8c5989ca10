public import Settings

/// What an image is to be: for images that no recipe describes.
public struct ImageIdentity: Sendable, Equatable {
    /// The line of releases, such as `lean-host/stable`.
    public let channel: String
    /// The release's name; `nil` to take the source date.
    public let version: String?
    /// As `uname -m` says it.
    public let architecture: String
    /// Arguments that every host boots the image with.
    public let kernelArguments: [String]

    /// Checks the values by the rules of recipes.
    ///
    /// - Parameter architecture: `nil` for the machine's own.
    /// - Throws: `SettingsError` that names the option.
    public init(
        channel: String, version: String?, architecture: String?, kernelArguments: [String] = []
    ) throws(SettingsError) {
        var file = try SettingsFile(parsing: "", place: "options", schema: Self.schema)
        try file.add("Channel=\(channel)", section: "Image", option: "--channel")
        if let version { try file.add("Version=\(version)", section: "Image", option: "--version") }
        if let architecture { try file.add("Architecture=\(architecture)", section: "Image", option: "--architecture") }
        let read = RecipeReader(file: file)
        self.channel = try read.channel()
        self.version = try read.version()
        self.architecture = try file.choice(
            "Architecture", in: "Image", from: RecipeReader.architectures, default: Recipe.machineArchitecture)
        self.kernelArguments = kernelArguments
    }

    private static let schema = SettingsSchema(["Image": ["Channel", "Version", "Architecture"]])
}
