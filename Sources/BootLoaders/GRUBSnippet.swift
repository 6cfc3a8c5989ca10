/// One entry for GRUB: a file that the static configuration sources.
enum GRUBSnippet {
    /// The file's text. The last line tells the configuration that the file is whole.
    ///
    /// - Throws: `BootLoaderError.unusableArgument` for what GRUB would hand to the kernel in another form.
    static func text(of entry: LoaderEntry) throws(BootLoaderError) -> String {
        var words: [String] = []
        for argument in entry.commandLine {
            guard let word = GRUBWords.word(forArgument: argument) else { throw .unusableArgument(argument) }
            words.append(word)
        }
        let folder = "/hostctl/\(entry.kernelFolder)"
        return """
            # A boot entry of hostctl; it is never rewritten. See grub.cfg for how it is chosen.
            menuentry \(GRUBWords.quoted(entry.title)) --id \(GRUBWords.quoted("hostctl-\(entry.name.identifier)")) {
              if hostctl_count \(entry.generation); then
                linux \(GRUBWords.quoted("\(folder)/vmlinuz")) \(words.joined(separator: " "))
                initrd \(GRUBWords.quoted("\(folder)/initramfs.img"))
              fi
            }
            set hostctl_whole=\(entry.generation)

            """
    }

    /// Reads what a file of this name says.
    static func read(_ name: EntryName, _ bytes: [UInt8]) -> EntryFolder.Reading {
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            return .damaged("is no text")
        }
        var commands: [String: [String]] = [:]
        for line in EntryDocument.lines(of: text) {
            guard let words = GRUBWords.split(line), let command = words.first, command != "}" else { continue }
            commands[command] = Array(words.dropFirst())
        }
        guard let title = commands["menuentry"]?.first else { return .damaged("has no line `menuentry`") }
        guard let linux = commands["linux"], let kernel = linux.first else { return .damaged("has no line `linux`") }
        guard commands["initrd"] != nil else { return .damaged("has no line `initrd`") }
        guard commands["set"]?.first == "hostctl_whole=\(name.generation)" else { return .damaged("is cut off") }
        let commandLine = linux.dropFirst().map(GRUBWords.argument(fromWord:))
        let entry = LoaderEntry(name: name, title: title, kernel: kernel, commandLine: commandLine)
        return entry.map { .entry($0) } ?? .damaged("names no deployment and kernel of hostctl")
    }
}
