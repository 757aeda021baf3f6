package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"milvusdm/internal/human"
)

// plainEvery is the least time between two lines of progress that differ in numbers only.
const plainEvery = 5 * time.Second

// display shows progress: on a terminal as lines that are drawn again and again, else as a log.
type display struct {
	w       io.Writer
	width   func() int // columns, 0 for no terminal
	tint    func(string) string
	drawn   int       // how many lines stand that the next ones replace
	printed time.Time // when the last plain line was
	about   string    // what it was about
}

// show shows a frame.
func (d *display) show(f frame, now time.Time) {
	if width := d.width(); width > 0 {
		lines := f.lines(width)
		emit(d.w, d.erase()+strings.Join(lines, "\n"))
		d.drawn = len(lines)
		return
	}
	about := string(f.Phase)
	if f.Waiting != "" {
		about += ", waiting" // for what changes too often to say each time
	}
	if about == d.about && now.Sub(d.printed) < plainEvery {
		return
	}
	d.about, d.printed = about, now
	emit(d.w, human.Clock(now.Local())+" "+f.plain()+"\n")
}

// say writes a line that stays.
func (d *display) say(text string, now time.Time) {
	d.clear()
	emit(d.w, d.tint(human.Clock(now.Local())+" "+text+"\n"))
}

// erase is what takes the drawn lines away.
func (d *display) erase() string {
	if d.drawn > 1 {
		return fmt.Sprintf("\x1b[%dA\r\x1b[J", d.drawn-1)
	}
	return "\r\x1b[K"
}

// clear takes the drawn lines away.
func (d *display) clear() {
	if d.drawn > 0 {
		emit(d.w, d.erase())
		d.drawn = 0
	}
}
