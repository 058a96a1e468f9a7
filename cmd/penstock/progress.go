package main

import (
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/penstock-data/penstock/internal/pipe"
	"github.com/penstock-data/penstock/schema"
)

// progress shows a bar per table on a terminal, and nothing elsewhere.
type progress struct {
	mu   sync.Mutex
	bars *mpb.Progress
	by   map[schema.Name]*mpb.Bar
}

func (p *progress) begin(f *os.File) {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	p.bars = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40))
	p.by = map[schema.Name]*mpb.Bar{}
}

func (p *progress) observe(s pipe.Progress) {
	if p.bars == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	bar := p.by[s.Table]
	if bar == nil {
		bar = p.bars.AddBar(0,
			mpb.PrependDecorators(decor.Name(s.Table.String()+" ", decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.CurrentNoUnit("%d rows "), decor.AverageSpeed(0, "%.0f/s")))
		p.by[s.Table] = bar
	}
	bar.SetTotal(max(s.Expected, s.Rows+1), false)
	bar.SetCurrent(s.Rows)
}

func (p *progress) end() {
	if p.bars == nil {
		return
	}
	for _, bar := range p.by {
		bar.SetTotal(-1, true)
	}
	p.bars.Wait()
}
