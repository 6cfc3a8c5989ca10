/// An entry file of the boot loader specification, type 1, as systemd-boot reads it.
enum EntryDocument {
    /// The file's text.
    static func text(of entry: LoaderEntry) -> String {
        """
        title \(entry.title)
        version \(entry.name.digits)
        sort-key hostctl
        linux /hostctl/\(entry.kernelFolder)/vmlinuz
        initrd /hostctl/\(entry.kernelFolder)/initramfs.img
        options \(entry.commandLine.joined(separator: " "))

        """
    }

    /// Reads what a file of this name says.
    static func read(_ name: EntryName, _ bytes: [UInt8]) -> EntryFolder.Reading {
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            return .damaged("is no text")
        }
        var values: [Substring: String] = [:]
        var options: [String] = []
        for line in lines(of: text) {
            guard let (key, value) = keyAndValue(line) else { continue }
            if key == "options" { options.append(value) } else { values[key] = value }
        }
        guard let kernel = values["linux"] else { return .damaged("has no line `linux`") }
        let commandLine = KernelArguments.split(options.joined(separator: " "))
        guard commandLine.contains(where: { $0.hasPrefix("ostree=") }) else {
            // Without options it is one of ours that was cut off; with others it is another system's.
            return options.isEmpty ? .damaged("has no line `options`") : .foreign
        }
        guard values["initrd"] != nil else { return .damaged("has no line `initrd`") }
        let entry = LoaderEntry(
            name: name, title: values["title"] ?? name.identifier, kernel: kernel, commandLine: commandLine)
        return entry.map { .entry($0) } ?? .damaged("names no deployment and kernel of hostctl")
    }

    /// Lines, whether they end as Unix or as Windows has it. A last line without an end counts: an editor may leave it.
    static func lines(of text: String) -> [Substring] {
        text.split(omittingEmptySubsequences: true) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
    }

    private static func keyAndValue(_ line: Substring) -> (Substring, String)? {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let line = line.drop(while: isBlank)
        guard let first = line.first, first != "#", let end = line.firstIndex(where: isBlank) else { return nil }
        var value = line[end...].drop(while: isBlank)
        while let last = value.last, isBlank(last) { value.removeLast() }
        return (line[..<end], String(value))
    }
}
