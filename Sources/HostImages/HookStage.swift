import Glibc
import LinuxSystem
import SystemPackage

/// The third stage: the recipe's hooks, in the byte order of their names.
///
/// A name that ends in `.chroot` runs inside the tree; every other on the build machine, in the recipe's folder,
/// with the tree's path as its argument.
struct HookStage {
    let recipe: Recipe
    /// The recipe's folder as an absolute path.
    let folder: FilePath
    let tree: FilePath
    let environment: BuildEnvironment

    /// The hooks' names in the order in which they run.
    ///
    /// - Throws: `ImageError.hookNotExecutable`, `SystemError`.
    func names() throws -> [String] { try hooks().map(\.name) }

    /// The recipe's and its options'; of two with one name the option's counts.
    private func hooks() throws -> [(name: String, path: FilePath)] {
        var hooks: [String: FilePath] = [:]
        for place in [folder] + recipe.options.map({ folder.appending("options/\($0)") }) {
            let folder = place.appending("hooks")
            for name in try Files.namesIfPresent(in: folder) where !name.hasPrefix(".") && !name.hasSuffix("~") {
                let path = folder.appending(name)
                guard access(path.string, X_OK) == 0, !Files.isFolder(path) else {
                    throw ImageError.hookNotExecutable(name: name)
                }
                hooks[name] = path
            }
        }
        return hooks.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
    }

    /// - Throws: `ImageError.hookFailed` with the hook's last lines, `.hookNotExecutable`; `SystemError`.
    func run(log: borrowing ToolLog) async throws {
        for (name, hook) in try hooks() {
            let failure =
                name.hasSuffix(".chroot")
                ? try await log.run(Self.inside(tree, hook), environment: variables)
                : try await runOutside(hook, log: log)
            if let failure { throw ImageError.hookFailed(name: name, detail: failure) }
        }
        if recipe.initramfs == nil { try await makeInitramfs(log: log) }
    }

    /// For a kernel whose initramfs no hook has made, with the tree's own tool.
    private func makeInitramfs(log: borrowing ToolLog) async throws {
        guard Files.exists(tree.appending("usr/sbin/update-initramfs")) else { return }
        for name in try Files.namesIfPresent(in: tree.appending("boot")) where name.hasPrefix("vmlinuz-") {
            let kernel = name.dropFirst("vmlinuz-".count)
            if Files.exists(tree.appending("boot/initrd.img-\(kernel)")) { continue }
            let script = tree.removingLastComponent().appending("initramfs.chroot")
            try Files.replace(
                script, with: Array("#!/bin/sh\nexec update-initramfs -c -k \(kernel)\n".utf8), mode: 0o755)
            if let failure = try await log.run(Self.inside(tree, script), environment: variables) {
                throw ImageError.hookFailed(name: "update-initramfs", detail: failure)
            }
        }
    }

    private func runOutside(_ hook: FilePath, log: borrowing ToolLog) async throws -> String? {
        do {
            return try await log.run(
                [hook.string, tree.string], environment: outsideVariables, workingDirectory: folder)
        } catch ImageError.missingTool {
            return "the program that its first line names does not exist"
        }
    }

    private var variables: [String: String] {
        environment.common.merging([
            "HOSTCTL_DISTRIBUTION": recipe.distribution, "HOSTCTL_SUITE": recipe.suite,
            "HOSTCTL_CHANNEL": recipe.channel, "HOSTCTL_ARCHITECTURE": recipe.architecture,
            "HOSTCTL_VERSION": recipe.version ?? "",
        ]) { $1 }
    }

    private var outsideVariables: [String: String] {
        variables.merging(["HOSTCTL_TREE": tree.string, "HOSTCTL_RECIPE": folder.string]) { $1 }
    }

    /// In a mount namespace of its own, with /proc, a /dev without the machine's devices, and a /run that holds
    /// the hook itself, so that nothing of it stays in the tree.
    private static func inside(_ tree: FilePath, _ hook: FilePath) -> [String] {
        let script = """
            cd "$1"; mkdir -p dev proc run
            mount -t proc proc proc
            mount -t tmpfs -o mode=0755 dev dev
            for name in null zero full random urandom; do touch dev/$name; mount --bind /dev/$name dev/$name; done
            ln -s /proc/self/fd dev/fd
            mount -t tmpfs -o mode=0755 run run
            cp "$2" run/hook; chmod 0755 run/hook
            exec chroot . /run/hook
            """
        return MountNamespace.command(script: script, [tree.string, hook.string])
    }
}
