/// The kernel's arguments of a new deployment.
enum KernelArguments {
    /// Keeps what the host has, takes over what the image changed, and adds what was asked for.
    ///
    /// An argument that the old image brought and the new one does not goes away; one that an operator
    /// added stays, and one that an operator took away stays away, whatever the images say.
    static func merged(host: [String], oldImage: [String], newImage: [String], added: [String]) -> [String] {
        let dropped = Set(oldImage).subtracting(newImage)
        let kept = host.filter { !dropped.contains($0) }
        let wanted = newImage.filter { !oldImage.contains($0) } + added
        var result = kept
        for argument in wanted where !result.contains(argument) { result.append(argument) }
        return result
    }

    /// An argument's name: what comes before `=`.
    static func key(_ argument: String) -> Substring { argument.prefix { $0 != "=" } }

    /// Refuses what no boot entry can hold, and what is not the operator's.
    ///
    /// - Throws: `DeploymentError.invalidKernelArgument`.
    static func validate(_ argument: String) throws(DeploymentError) {
        var isQuoted = false
        for scalar in argument.unicodeScalars {
            if scalar.value < 0x20 || scalar.value == 0x7F {
                throw .invalidKernelArgument(argument, detail: "it has a line break or another control character")
            }
            if scalar == "\"" { isQuoted.toggle() }
            if scalar == " ", !isQuoted {
                throw .invalidKernelArgument(argument, detail: "it has a space outside of double quotes")
            }
        }
        if isQuoted { throw .invalidKernelArgument(argument, detail: "a double quote is not closed") }
        if argument.isEmpty || argument.hasPrefix("=") {
            throw .invalidKernelArgument(argument, detail: "it has no name")
        }
        if key(argument) == "ostree" || argument.hasPrefix("init=/ostree/") {
            throw .invalidKernelArgument(argument, detail: "it says what is booted, and is written by hostctl")
        }
    }
}

/// What an operator changes of a deployment's arguments.
public struct KernelArgumentChanges: Sendable {
    /// Whole arguments to add; one that is there already is not added again.
    public var appending: [String]
    /// Arguments to take away, as `quiet`, `console=ttyS0`, or `console` for the only one of that name.
    public var deleting: [String]
    /// `NAME=VALUE`: the only argument of that name gets another value, and is added when there is none.
    public var replacing: [String]

    public init(appending: [String] = [], deleting: [String] = [], replacing: [String] = []) {
        self.appending = appending
        self.deleting = deleting
        self.replacing = replacing
    }

    /// Deletes, replaces, then appends.
    ///
    /// - Throws: `DeploymentError.invalidKernelArgument`, `DeploymentError.ambiguousKernelArgument`.
    func applied(to arguments: [String]) throws(DeploymentError) -> [String] {
        for argument in appending + deleting + replacing { try KernelArguments.validate(argument) }
        var result = arguments
        for argument in deleting {
            if let index = try Self.place(of: argument, in: result) { result.remove(at: index) }
        }
        for argument in replacing {
            guard argument.contains("=") else {
                throw .invalidKernelArgument(argument, detail: "it has no value to replace another one with")
            }
            if result.contains(argument) { continue }
            if let index = try Self.place(of: String(KernelArguments.key(argument)), in: result) {
                result[index] = argument
            } else {
                result.append(argument)
            }
        }
        for argument in appending where !result.contains(argument) { result.append(argument) }
        return result
    }

    /// An argument that is there as it is counts before one of that name.
    private static func place(of argument: String, in arguments: [String]) throws(DeploymentError) -> Int? {
        if let exact = arguments.firstIndex(of: argument) { return exact }
        if argument.contains("=") { return nil }
        let named = arguments.indices.filter { KernelArguments.key(arguments[$0]) == argument }
        if named.count > 1 { throw .ambiguousKernelArgument(argument, found: named.map { arguments[$0] }) }
        return named.first
    }
}
