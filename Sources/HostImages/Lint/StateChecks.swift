import ObjectStorage

extension LintChecks {
    /// What belongs to a running host, not to an image.
    static let state = [
        LintCheck(
            "buildah-injected", .warning, "/etc/hostname and /etc/resolv.conf are not empty files of a container build"
        ) { subject, _ in
            LintResult.list(
                "empty files that a container build has left",
                ["hostname", "resolv.conf"].filter {
                    if case .file(let file)? = subject.etc?.entries[$0] { file.size == 0 } else { false }
                }.map { "/etc/\($0)" })
        },
        LintCheck("nonempty-run-tmp", .warning, "/run and /tmp are empty") { subject, _ in
            let names = ["run", "tmp"].flatMap { folder in
                (subject.tree.folder(at: folder)?.sortedNames ?? []).map { "/\(folder)/\($0)" }
            }
            return LintResult.list("content that nothing will see on a host", names)
        },
        LintCheck("var-log", .warning, "there are no logs in /var/log") { subject, _ in
            var logs: [String] = []
            subject.walk(below: "var/log") { path, entry in
                if case .file(let file) = entry, file.size > 0 { logs.append(path) }
            }
            return LintResult.list("logs of the build", logs)
        },
        LintCheck("var-run", .fatal, "/var/run is no folder of its own") { subject, _ in
            switch subject.tree["var/run"] {
            case .folder?, .file?: [LintResult(message: "/var/run is not a link to /run")]
            default: []
            }
        },
        LintCheck("var-tmpfiles", .warning, "what is in /var is made by tmpfiles.d") { subject, _ in
            let lines = try subject.settingLines(
                ["usr/lib/tmpfiles.d", "\(subject.etcPath)/tmpfiles.d"])
            let made = Set(lines.compactMap(TemporaryFileRules.madePath))
            var others: [String] = []
            subject.walk(below: "var") { path, entry in
                let isOthersMatter = path == "/var/run" || path.hasPrefix("/var/run/") || path.hasPrefix("/var/log/")
                if !made.contains(path), !isOthersMatter { others.append(path) }
            }
            return LintResult.list("content of /var that updates never change on a host", others)
        },
    ]
}
