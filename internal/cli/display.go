package cli

import (
	"io"
	"time"
)

// plainEvery is the least time between two lines of progress that differ in numbers only.
const plainEvery = 5 * time.Second

// display shows progress: on a terminal as one line that is drawn again and again, else as lines.
type display struct {
	w       io.Writer
	width   func() int // columns, 0 for no terminal
	drawn   bool       // a line stands that the next one replaces
	printed time.Time  // when the last plain line was
	about   string     // what it was about
}

// show shows a frame.
func (d *display) show(f frame, now time.Time) {
	if width := d.width(); width > 0 {
		emit(d.w, "\r\x1b[K"+f.line(width))
		d.drawn = true
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
	emit(d.w, now.Local().Format("15:04:05")+" "+f.plain()+"\n")
}

// clear takes the drawn line away.
func (d *display) clear() {
	if d.drawn {
		emit(d.w, "\r\x1b[K")
		d.drawn = false
	}
}
