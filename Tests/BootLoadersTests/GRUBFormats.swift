/// GRUB's configuration as older versions of hostctl have written it.
enum GRUBFormats {
    /// Format 1, without the serial port.
    static let first = #"""
        # GRUB's configuration for hostctl, format 1. It is not changed by updates.
        # Entries are the files /hostctl/grub/<stateroot>-<generation>[+left[-done]].cfg. The highest generation boots. One
        # with a counter is tried as often as it says; the environment block counts for the newest, and without a try
        # left the highest one without a counter boots.

        set hostctl_counting=
        set hostctl_left=
        set hostctl_done=
        if [ -s /grub/grubenv ]; then
          load_env --file /grub/grubenv hostctl_counting hostctl_left hostctl_done
        fi
        set timeout=0

        function hostctl_count {
          if [ "$1" != "$hostctl_first" ]; then return 0; fi
          if [ -z "$hostctl_tries" ]; then return 0; fi
          if [ "$hostctl_tries" = 0 ]; then return 0; fi
          set hostctl_counting="$1"
          if [ "$hostctl_tries" = 1 ]; then set hostctl_left=0
          elif [ "$hostctl_tries" = 2 ]; then set hostctl_left=1
          elif [ "$hostctl_tries" = 3 ]; then set hostctl_left=2
          elif [ "$hostctl_tries" = 4 ]; then set hostctl_left=3
          elif [ "$hostctl_tries" = 5 ]; then set hostctl_left=4
          elif [ "$hostctl_tries" = 6 ]; then set hostctl_left=5
          elif [ "$hostctl_tries" = 7 ]; then set hostctl_left=6
          elif [ "$hostctl_tries" = 8 ]; then set hostctl_left=7
          elif [ "$hostctl_tries" = 9 ]; then set hostctl_left=8
          fi
          if [ "$hostctl_used" = 0 ]; then set hostctl_done=1
          elif [ "$hostctl_used" = 1 ]; then set hostctl_done=2
          elif [ "$hostctl_used" = 2 ]; then set hostctl_done=3
          elif [ "$hostctl_used" = 3 ]; then set hostctl_done=4
          elif [ "$hostctl_used" = 4 ]; then set hostctl_done=5
          elif [ "$hostctl_used" = 5 ]; then set hostctl_done=6
          elif [ "$hostctl_used" = 6 ]; then set hostctl_done=7
          elif [ "$hostctl_used" = 7 ]; then set hostctl_done=8
          elif [ "$hostctl_used" = 8 ]; then set hostctl_done=9
          elif [ "$hostctl_used" = 9 ]; then set hostctl_done=9
          fi
          save_env --file /grub/grubenv hostctl_counting hostctl_left hostctl_done
        }

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
        # Whatever cannot be started is followed by the next one in the menu; GRUB wants numbers here.
        set fallback="1 2 3 4 5 6 7 8 9 0"
        set default="hostctl-$hostctl_first_id"
        if [ "$hostctl_tries" = 0 -a -n "$hostctl_good_id" ]; then set default="hostctl-$hostctl_good_id"; fi

        """#
}
