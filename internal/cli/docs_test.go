package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// span is a piece of code within a sentence.
var span = regexp.MustCompile("`(milvusdm [^`\n]+)`")

// TestDocumentedCommands goes through the code of the documentation: each command of this program that it shows is one, with
// its flags and, in a block, as many arguments as it takes.
func TestDocumentedCommands(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages, "../../README.md", "../../CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		check := func(line string, whole bool) {
			words := shellWords(line)
			if len(words) == 0 || words[0] != "milvusdm" {
				return
			}
			checked++
			if err := checkCommand(words[1:], whole); err != nil {
				t.Errorf("%s: %s: %v", page, line, err)
			}
		}
		for _, line := range blockLines(string(text)) {
			check(line, true)
		}
		for _, span := range span.FindAllStringSubmatch(string(text), -1) {
			check(regexp.MustCompile(`\\\||, `).Split(span[1], 2)[0], false) // it may name a command without what that takes
		}
	}
	if checked < 30 {
		t.Errorf("only %d commands found", checked)
	}
}

// blockLines are the lines of a page's code blocks, continued ones joined.
func blockLines(text string) []string {
	var out []string
	inside, joined := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inside = !inside
			continue
		}
		if !inside {
			continue
		}
		if rest, more := strings.CutSuffix(line, "\\"); more {
			joined += rest
			continue
		}
		out, joined = append(out, strings.TrimSpace(joined+line)), ""
	}
	return out
}

var word = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)

// shellWords are the words of a line up to a comment.
func shellWords(line string) []string {
	var out []string
	for _, w := range word.FindAllString(line, -1) {
		if strings.HasPrefix(w, "#") {
			break
		}
		out = append(out, strings.Trim(w, `'"`))
	}
	return out
}

// checkCommand takes a command line apart as the program does, and runs nothing. One that is not whole may lack arguments.
func checkCommand(args []string, whole bool) error {
	root := (&app{Surroundings: Surroundings{Env: environment{}}, output: "text"}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return unknown(cmd, rest[0])
	}
	cmd.InitDefaultHelpFlag()
	err = cmd.ParseFlags(rest)
	lacks := err != nil && !whole && strings.Contains(err.Error(), "needs an argument")
	if err != nil && !lacks && !strings.Contains(err.Error(), "help requested") {
		return err
	}
	if !whole || cmd.Name() == "help" || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
		return nil
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

// The check finds what is wrong.
func TestCheckCommand(t *testing.T) {
	for _, line := range []string{"frobnicate x", "run", "run a.yaml --nosuch", "status", "schedule create", "pause a b"} {
		if checkCommand(strings.Fields(line), true) == nil {
			t.Errorf("milvusdm %s is taken", line)
		}
	}
}
