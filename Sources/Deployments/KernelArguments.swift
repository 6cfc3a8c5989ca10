/// The kernel's arguments of a new deployment.
enum KernelArguments {
    /// Keeps what the host has, takes over what the image changed, and adds what was asked for.
    ///
    /// An argument that the old image brought and the new one does not goes away; one that an operator
    /// added stays, whatever the images say.
    static func merged(host: [String], oldImage: [String], newImage: [String], added: [String]) -> [String] {
        let dropped = Set(oldImage).subtracting(newImage)
        let kept = host.filter { !dropped.contains($0) }
        let wanted = newImage.filter { !oldImage.contains($0) } + added
        var result = kept
        for argument in wanted where !result.contains(argument) { result.append(argument) }
        return result
    }
}
