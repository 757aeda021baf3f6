package cli

import "regexp"

const red, green, yellow = "31", "32", "33"

// colours are what a reader looks for first: how a job ended, and warnings. Each pattern has what stands before, and what is
// coloured.
var colours = []struct {
	pattern *regexp.Regexp
	code    string
}{
	{regexp.MustCompile(`(?m)^(job \S+: )(verified), every row`), green},
	{regexp.MustCompile(`(?m)^(\S+: )(equal)$`), green},
	{regexp.MustCompile(`(?m)^(\S+: )(DIFFERENT)$`), red},
	{regexp.MustCompile(`(?m)^(job \S+: copied, )(NOT COUNTED)`), yellow},
	{regexp.MustCompile(`(?m)^(job \S+ )(failed|timed out)\b`), red},
	{regexp.MustCompile(`(?m)^(job \S+ was )(cancelled|terminated)`), yellow},
	{regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d (?:UTC|[+-]\d\d:\d\d) \S+: )(failed): `), red},
	{regexp.MustCompile(`(?m)^()(milvusdm:) `), red},
	{regexp.MustCompile(`(?m)^()(warning:) `), yellow},
	{regexp.MustCompile(`(?m)^(  )(WARNING) `), yellow},
	{regexp.MustCompile(`(?m)(  )(failed)(?:  |$)`), red}, // a cell of a table
	{regexp.MustCompile(`(?m)(  )(not counted|different)(?:  |$)`), yellow},
}

// coloured is a text with its colours, for a terminal.
func coloured(text string) string {
	for _, c := range colours {
		text = replaceGroup(c.pattern, text, "\x1b["+c.code+"m", "\x1b[0m")
	}
	return text
}

// replaceGroup puts before and after around the second group of each match.
func replaceGroup(p *regexp.Regexp, text, before, after string) string {
	out, last := "", 0
	for _, at := range p.FindAllStringSubmatchIndex(text, -1) {
		out += text[last:at[4]] + before + text[at[4]:at[5]] + after
		last = at[5]
	}
	return out + text[last:]
}

// columnsOf is how many columns an output has that may be no terminal.
func columnsOf(width func() int) int {
	if width == nil {
		return 0
	}
	return width()
}

// tint returns what colours texts for a terminal of that width, and leaves them alone where nobody wants colours: when it is
// no terminal, or by NO_COLOR (https://no-color.org).
func (a *app) tint(width func() int) func(string) string {
	if columnsOf(width) == 0 || a.env("NO_COLOR") != "" {
		return func(text string) string { return text }
	}
	return coloured
}
