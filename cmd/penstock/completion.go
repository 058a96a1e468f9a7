package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help implements kong's HelpProvider.
func (completionCmd) Help() string {
	return `bash: source <(penstock completion bash)
zsh: source <(penstock completion zsh)
fish: penstock completion fish | source`
}

// Run prints a script with which a shell completes commands and their flags.
func (c *completionCmd) Run(k *kong.Context) error {
	switch c.Shell {
	case "fish":
		return fishCompletion(os.Stdout, k.Model.Node)
	case "zsh":
		fmt.Println("autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit")
	}
	return bashCompletion(os.Stdout, k.Model.Node)
}

func bashCompletion(w io.Writer, root *kong.Node) error {
	var names []string
	var cases strings.Builder
	for _, cmd := range root.Children {
		names = append(names, cmd.Name)
		var words []string
		for _, f := range cmd.Flags {
			words = append(words, "--"+f.Name)
		}
		for _, a := range cmd.Positional {
			words = append(words, a.EnumSlice()...)
		}
		fmt.Fprintf(&cases, "\t%s) words='%s' ;;\n", cmd.Name, strings.Join(append(words, "--help"), " "))
	}
	_, err := fmt.Fprintf(w, `_penstock() {
	local words cur=${COMP_WORDS[COMP_CWORD]}
	case ${COMP_WORDS[1]} in
%s	*) words='%s' ;;
	esac
	[ "$COMP_CWORD" -gt 1 ] || words='%[2]s'
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _penstock penstock
`, cases.String(), strings.Join(names, " "))
	return err
}

func fishCompletion(w io.Writer, root *kong.Node) error {
	quoted := func(s string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
	}
	var b strings.Builder
	for _, cmd := range root.Children {
		fmt.Fprintf(&b, "complete -c penstock -n __fish_use_subcommand -f -a %s -d %s\n", cmd.Name, quoted(cmd.Help))
		in := quoted("__fish_seen_subcommand_from " + cmd.Name)
		for _, f := range cmd.Flags {
			fmt.Fprintf(&b, "complete -c penstock -n %s -l %s -d %s\n", in, f.Name, quoted(f.Help))
		}
		for _, a := range cmd.Positional {
			for _, v := range a.EnumSlice() {
				fmt.Fprintf(&b, "complete -c penstock -n %s -f -a %s\n", in, v)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
