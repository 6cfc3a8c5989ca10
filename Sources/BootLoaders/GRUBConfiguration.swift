/// GRUB's static configuration, `/grub/grub.cfg`. Entries come and go as files beside it; only an update of the loader
/// changes it.
///
/// GRUB's language has no arithmetic, and takes numbers with leading zeros for octal ones; a variable that a pattern's
/// group does not match is not said to be empty. The script keeps clear of all three.
enum GRUBConfiguration {
    /// Of what is written now. A text with a higher number is a newer hostctl's.
    private static let format = 2

    /// The script.
    static func text(_ options: LoaderOptions) -> String {
        text(usesSerialPort: options.usesSerialPort, wait: wait(options.timeout))
    }

    /// The script in the place of another one, whose serial port and wait stay.
    static func text(insteadOf present: String) -> String {
        let usesSerialPort = present.contains("serial --unit=")
        let waits = lines(of: present).filter { isWait($0) }
        let hasStyle = waits.contains { $0.hasPrefix("set timeout_style=") }
        // Format 1 had no style, and GRUB looked at no key with its 0. Any other number is the operator's.
        let seconds = waits.last { $0.hasPrefix("set timeout=") }
        guard let seconds, hasStyle || Int(seconds.dropFirst("set timeout=".count)) != 0 else {
            return text(usesSerialPort: usesSerialPort, wait: wait(0))
        }
        let kept = waits.map { "\($0)\n" }.joined()
        return text(usesSerialPort: usesSerialPort, wait: hasStyle ? kept : "set timeout_style=menu\n\(kept)")
    }

    private static func text(usesSerialPort: Bool, wait: String) -> String {
        let text = beginning + (usesSerialPort ? serial : "") + wait + counting + menu + choice
        return "\(text)\(mark)\(checksum(of: text))\n"
    }

    /// GRUB looks at keys only while it counts down: without a second of that, nobody could choose an older entry. Esc,
    /// F4 and, where the firmware tells of it, a Shift that is held end it, and the menu stays then.
    private static func wait(_ timeout: Int) -> String {
        "set timeout_style=\(timeout > 0 ? "menu" : "hidden")\nset timeout=\(max(timeout, 1))\n"
    }

    // MARK: whose a text is

    /// Whether an update may put another text in its place: hostctl wrote it, this one or an older one, and nobody has
    /// changed anything but the wait. So may it where there is nothing.
    static func isReplaceable(_ present: String) -> Bool {
        if present.isEmpty { return true }
        let parts = lines(of: present)
        if marks.contains(checksum(of: present)) { return true }
        guard let first = parts.first, let number = formatNumber(first), number <= format, parts.count > 2,
            parts.last?.isEmpty == true
        else { return false }
        let body = parts.dropLast(2).map { "\($0)\n" }.joined()
        return parts[parts.count - 2] == mark + checksum(of: body)
    }

    /// The checksums of the texts of format 1, which has none in it: without the serial port, and with it.
    private static let marks = ["4ea12e915f7dcb74", "cb100e14222f62dd"]

    /// The last line, before its checksum.
    private static let mark = "# The lines above as hostctl wrote them: "

    private static func lines(of text: String) -> [Substring] {
        text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    private static func formatNumber(_ line: Substring) -> Int? {
        let start = "# GRUB's configuration for hostctl, format "
        return line.hasPrefix(start) ? Int(line.dropFirst(start.count).prefix { $0.isNumber }) : nil
    }

    private static func isWait(_ line: Substring) -> Bool { line.hasPrefix("set timeout") }

    /// FNV-1a of all lines but those of the wait, which are the operator's. It tells what was changed, not by whom.
    private static func checksum(of text: String) -> String {
        let bytes = lines(of: text).filter { !isWait($0) }.joined(separator: "\n").utf8
        let sum = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return String(sum, radix: 16)
    }

    // MARK: the script

    private static let beginning = """
        # GRUB's configuration for hostctl, format 2. 'hostctl boot update-loader' brings it up to date, and leaves it
        # alone when more than timeout and timeout_style was changed by hand.
        # Entries are the files /hostctl/grub/<stateroot>-<generation>[+left[-done]].cfg. The highest generation boots. One
        # with a counter is tried as often as it says; the environment block counts for the newest, and without a try
        # left the highest one without a counter boots.

        set hostctl_counting=
        set hostctl_left=
        set hostctl_done=
        if [ -s /grub/grubenv ]; then
          load_env --file /grub/grubenv hostctl_counting hostctl_left hostctl_done
        fi

        """

    private static let serial = """
        if serial --unit=0 --speed=115200; then
          terminal_input console serial
          terminal_output console serial
        fi

        """

    /// `hostctl_count GENERATION` takes a try from the newest entry, and says whether it may be started: not when the
    /// try cannot be written down, because it would be started for ever.
    private static var counting: String {
        """

        function hostctl_count {
          if [ "$1" != "$hostctl_first" ]; then return 0; fi
          if [ -z "$hostctl_tries" ]; then return 0; fi
          if [ "$hostctl_tries" = 0 ]; then return 0; fi
          set hostctl_counting="$1"
        \(chain("hostctl_tries", "hostctl_left", (1...9).map { ($0, $0 - 1) }))
        \(chain("hostctl_used", "hostctl_done", (0...9).map { ($0, min($0 + 1, 9)) }))
          save_env --file /grub/grubenv hostctl_counting hostctl_left hostctl_done
        }

        """
    }

    private static func chain(_ from: String, _ to: String, _ steps: [(Int, Int)]) -> String {
        let tests = steps.enumerated().map { index, step in
            "  \(index == 0 ? "if" : "elif") [ \"$\(from)\" = \(step.0) ]; then set \(to)=\(step.1)"
        }
        return tests.joined(separator: "\n") + "\n  fi"
    }

    /// `hostctl_menu KIND` shows entries, the highest generation first: `newest` the one that boots next, then `good` those
    /// without a counter, `tried` those with tries left, `out` the exhausted ones. A file that does not set
    /// `hostctl_whole` at its end is cut off, and not chosen.
    private static let menu = #"""

        function hostctl_menu {
          set hostctl_kind="$1"
          set hostctl_below=1000000
          set hostctl_more=1
          while [ "$hostctl_more" = 1 ]; do
            set hostctl_more=0
            set hostctl_found=0
            for hostctl_path in /hostctl/grub/*.cfg; do
              if regexp '/[A-Za-z0-9][A-Za-z0-9._-]*-[0-9][0-9][0-9][0-9][0-9][0-9](\+[0-9]+(-[0-9]+)?)?\.cfg$' "$hostctl_path"; then
                hostctl_look
              fi
            done
            if [ "$hostctl_found" != 0 ]; then
              set hostctl_more=1
              set hostctl_below="$hostctl_found"
              set hostctl_whole=0
              source "$hostctl_file"
              if [ "$hostctl_whole" != 0 ]; then hostctl_take; fi
              if [ "$hostctl_whole" = "$hostctl_found" ]; then hostctl_note; fi
            fi
          done
        }

        # Takes hostctl_path as the one found, when it is of the kind and higher than the one found so far.
        function hostctl_look {
          set hostctl_number=0
          regexp --set=1:hostctl_number '[-]0*([1-9][0-9]*)(\+[0-9]+(-[0-9]+)?)?\.cfg$' "$hostctl_path"
          set hostctl_is=tried
          set hostctl_twin=0
          if regexp '\+0+(-[0-9]+)?\.cfg$' "$hostctl_path"; then
            set hostctl_is=out
          elif regexp '/[^+/]*$' "$hostctl_path"; then
            set hostctl_is=good
            if [ "$hostctl_number" = "$hostctl_found" ]; then set hostctl_twin=1; fi
          fi
          set hostctl_wanted=0
          if [ "$hostctl_is" = "$hostctl_kind" ]; then set hostctl_wanted=1; fi
          if [ "$hostctl_kind" = newest -a "$hostctl_is" != out ]; then set hostctl_wanted=1; fi
          if [ "$hostctl_number" = "$hostctl_first" ]; then set hostctl_wanted=0; fi
          if [ "$hostctl_wanted" = 1 -a "$hostctl_number" -lt "$hostctl_below" ]; then
            if [ "$hostctl_number" -gt "$hostctl_found" -o "$hostctl_twin" = 1 ]; then
              set hostctl_found="$hostctl_number"
              set hostctl_file="$hostctl_path"
            fi
          fi
        }

        # Remembers the place of an entry in the menu, which it has by any file that has come to its end.
        function hostctl_take {
          if regexp --set=1:hostctl_place --set=2:hostctl_places '^([0-9]) ?(.*)$' "$hostctl_places"; then
            if [ "$hostctl_place" = 1 ]; then
              set hostctl_last="1 "
            else
              set hostctl_rest="$hostctl_rest$hostctl_place "
            fi
          fi
        }

        # Remembers the newest entry with its counter, and the entry that boots in its place.
        function hostctl_note {
          set hostctl_id=
          regexp --set=1:hostctl_id '/([^/+]+)(\+[^/]*)?\.cfg$' "$hostctl_file"
          if [ "$hostctl_kind" = newest ]; then
            set hostctl_more=0
            set hostctl_first="$hostctl_found"
            set hostctl_first_id="$hostctl_id"
            if regexp '\+' "$hostctl_file"; then
              set hostctl_tries=9
              set hostctl_used=0
              regexp --set=1:hostctl_tries '\+0*([0-9])(-[0-9]+)?\.cfg$' "$hostctl_file"
              regexp --set=1:hostctl_used '\+[0-9]+-0*([0-9])\.cfg$' "$hostctl_file"
            fi
          elif [ -z "$hostctl_good_id" ]; then
            set hostctl_good_id="$hostctl_id"
          fi
        }

        """#

    /// The first line of the menu is what is left when nothing can be started: GRUB would wait for a key for ever, and so it
    /// does when there is no menu at all. It is the default where there is no other, and the last one to fall back to. GRUB
    /// knows fallbacks by their places alone, and does not look whether there is something in a place.
    private static let choice = """

        menuentry 'Restart the machine' --id hostctl-restart {
          echo 'Nothing can be started. The machine restarts in 30 seconds; Esc leads to the menu.'
          if sleep --interruptible 30; then reboot; fi
        }
        set hostctl_places="1 2 3 4 5 6 7 8 9"
        set hostctl_last=
        set hostctl_rest=
        set hostctl_first=
        set hostctl_first_id=
        set hostctl_tries=
        set hostctl_good_id=
        hostctl_menu newest
        hostctl_menu good
        hostctl_menu tried
        hostctl_menu out

        # The block's count in the place of the name's, when it counts this entry and has a sensible number.
        if [ -n "$hostctl_tries" -a "$hostctl_counting" = "$hostctl_first" ]; then
          if regexp '^[0-9]$' "$hostctl_left"; then set hostctl_tries="$hostctl_left"; fi
          if regexp '^[0-9]$' "$hostctl_done"; then set hostctl_used="$hostctl_done"; fi
        fi
        # Whatever cannot be started is followed by the next one in the menu, and the last by a restart.
        if [ -n "$hostctl_rest$hostctl_last" ]; then set fallback="$hostctl_rest${hostctl_last}0"; fi
        set default="hostctl-$hostctl_first_id"
        if [ -n "$hostctl_good_id" ]; then
          if [ -z "$hostctl_first_id" -o "$hostctl_tries" = 0 ]; then set default="hostctl-$hostctl_good_id"; fi
        fi

        """
}
