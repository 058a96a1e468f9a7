package main

import (
	"fmt"
	"slices"
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

// Run prints a script with which a shell completes commands, their flags, and
// the values of both: it asks "penstock complete" each time.
func (c *completionCmd) Run() error {
	fmt.Print(completionScripts[c.Shell])
	return nil
}

var completionScripts = map[string]string{
	"bash": `_penstock() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _penstock penstock
`,
	"zsh": `#compdef penstock
(( $+functions[compdef] )) || { autoload -U compinit && compinit; }
_penstock() {
	local -a found
	found=("${(@f)$("${words[1]}" complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	found=("${(@)found//:/\\:}")
	found=("${(@)found/$'\t'/:}")
	[[ -n "$found" ]] && _describe command found || _files
}
compdef _penstock penstock
`,
	"fish": `function __penstock_complete
	set -l words (commandline -opc) (commandline -ct)
	$words[1] complete $words[2..-1] 2>/dev/null
end
function __penstock_knows
	test -n "$(__penstock_complete)"
end
complete -c penstock -f -n __penstock_knows -a '(__penstock_complete)'
`,
}

// completeCmd answers what the scripts ask.
type completeCmd struct {
	Words []string `arg:"" optional:""`
}

// Run prints what the last word may become, a line each, with what it is after a
// tab.
func (c *completeCmd) Run(k *kong.Context) error {
	for _, w := range complete(k.Model.Node, c.Words) {
		fmt.Printf("%s\t%s\n", w.text, w.help)
	}
	return nil
}

// A proposal is what a word may become.
type proposal struct{ text, help string }

// complete returns what the last of some words may become, none: it may be
// anything, such as a file.
func complete(root *kong.Node, words []string) (found []proposal) {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" }) // bash sets them apart
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	at, given, pending := root, 0, (*kong.Flag)(nil)
	for _, w := range words[:len(words)-1] {
		switch child := childOf(at, w); {
		case pending != nil:
			pending = nil
		case strings.HasPrefix(w, "-"):
			if f := flagOf(at, w); f != nil && !f.IsBool() && !strings.Contains(w, "=") {
				pending = f
			}
		case child != nil:
			at, given = child, 0
		default:
			given++
		}
	}
	name, _, valued := strings.Cut(last, "=")
	add := func(text, help string) {
		if strings.HasPrefix(text, last) && text != "" {
			found = append(found, proposal{text, help})
		}
	}
	switch f := flagOf(at, name); {
	case pending != nil:
		for _, v := range pending.EnumSlice() {
			add(v, "")
		}
	case valued && f != nil:
		for _, v := range f.EnumSlice() {
			add(name+"="+v, "")
		}
	case strings.HasPrefix(last, "-"):
		for _, f := range flagsOf(at) {
			add("--"+f.Name, f.Help)
		}
	default:
		for _, child := range at.Children {
			if !child.Hidden {
				add(child.Name, child.Help)
			}
		}
		if given < len(at.Positional) {
			for _, v := range at.Positional[given].EnumSlice() {
				add(v, "")
			}
		}
	}
	return found
}

func childOf(n *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return n.Children[i]
}

// flagsOf returns the flags that a command takes.
func flagsOf(n *kong.Node) []*kong.Flag { return slices.Concat(n.AllFlags(true)...) }

func flagOf(n *kong.Node, word string) *kong.Flag {
	word, _, _ = strings.Cut(word, "=")
	for _, f := range flagsOf(n) {
		if word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) {
			return f
		}
	}
	return nil
}
