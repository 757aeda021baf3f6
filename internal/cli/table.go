package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table writes rows, the first of which are the heads of the columns. How they lie is for [layout] to say, which knows the
// terminal.
func table(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(strings.ReplaceAll(cell, "\t", " "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// layout lays out the tables in a text: their columns under each other or, where they are wider than the terminal, a block
// for each row. Width 0 stands for no terminal.
func layout(text string, width int) string {
	var out strings.Builder
	var rows [][]string
	flush := func() {
		if len(rows) > 0 {
			out.WriteString(laidOut(rows, width))
		}
		rows = nil
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "\t") {
			rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
			continue
		}
		flush()
		out.WriteString(line)
	}
	flush()
	return out.String()
}

func laidOut(rows [][]string, width int) string {
	text := aligned(rows)
	if width > 0 && len(rows) > 1 {
		for line := range strings.Lines(text) {
			if columns(strings.TrimSuffix(line, "\n")) > width {
				return blocks(rows)
			}
		}
	}
	return text
}

// aligned writes columns under each other.
func aligned(rows [][]string) string {
	var b strings.Builder // which takes everything
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, err := io.WriteString(t, strings.Join(row, "\t")+"\n")
		must(err)
	}
	must(t.Flush())
	text := ""
	for line := range strings.Lines(b.String()) {
		text += strings.TrimRight(line, " \n") + "\n"
	}
	return text
}

// blocks writes each row as lines "head  cell".
func blocks(rows [][]string) string {
	text := ""
	for i, row := range rows[1:] {
		if i > 0 {
			text += "\n"
		}
		for c, cell := range row {
			if cell != "" {
				text += fmt.Sprintf("%-*s %s\n", keyWidth, strings.ToLower(rows[0][c]), cell)
			}
		}
	}
	return text
}
