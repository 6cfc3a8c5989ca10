/// Where apt finds a recipe's packages.
enum AptSources {
    /// One line for each suite, pocket and mirror.
    static func lines(_ recipe: Recipe) -> [String] {
        var lines = recipe.mirrors.map { line(recipe, $0, recipe.suite) }
        if recipe.pockets.contains("updates") {
            lines += recipe.mirrors.map { line(recipe, $0, "\(recipe.suite)-updates") }
        }
        if recipe.pockets.contains("security") {
            lines += recipe.securityMirrors.map { line(recipe, $0, "\(recipe.suite)-security") }
        }
        return lines
    }

    private static func line(_ recipe: Recipe, _ mirror: String, _ suite: String) -> String {
        "deb [signed-by=\(recipe.keyring)] \(mirror) \(suite) \(recipe.components.joined(separator: " "))"
    }
}
