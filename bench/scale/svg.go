package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// draw returns two diagrams on logarithmic scales as an SVG: time and memory against
// the size of a program.
func draw(all []series) []byte {
	const width, height = 1180, 500
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	panel(&b, all, 60, "CPU time in seconds", 0.01, 100, func(p point) float64 { return p.cpu.Seconds() })
	panel(&b, all, 500, "peak memory in MB", 4, 4000, func(p point) float64 { return float64(p.memory) / 1e6 })
	for i, s := range all {
		y := 40 + 18*i
		fmt.Fprintf(&b, `<rect x="920" y="%d" width="12" height="4" fill="%s"/><text x="938" y="%d">%s</text>`+"\n",
			y-6, colour(i, len(all)), y, html.EscapeString(s.name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func colour(i, n int) string { return fmt.Sprintf("hsl(%d,70%%,%d%%)", 360*i/max(n, 1), 35+15*(i%2)) }

// panel draws one diagram whose left edge is at x.
func panel(b *bytes.Buffer, all []series, x float64, title string, low, high float64, value func(point) float64) {
	const (
		y, w, h = 40.0, 380.0, 400.0
		least   = 1e3
		most    = 1e6
	)
	at := func(n, v float64) (float64, float64) {
		return x + w*math.Log(n/least)/math.Log(most/least), y + h - h*math.Log(v/low)/math.Log(high/low)
	}
	fmt.Fprintf(b, `<text x="%.0f" y="%.0f" font-size="13">%s, against instructions</text>`+"\n", x, y-14, title)
	fmt.Fprintf(b, `<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" fill="none" stroke="#999"/>`+"\n", x, y, w, h)
	for n := least; n <= most; n *= 10 {
		px, _ := at(n, low)
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f" stroke="#eee"/><text x="%.1f" y="%.0f" text-anchor="middle">%.0f</text>`+"\n",
			px, y, px, y+h, px, y+h+16, n)
	}
	for v := math.Pow(10, math.Ceil(math.Log10(low))); v <= high; v *= 10 {
		_, py := at(least, v)
		fmt.Fprintf(b, `<line x1="%.0f" y1="%.1f" x2="%.0f" y2="%.1f" stroke="#eee"/><text x="%.0f" y="%.1f" text-anchor="end">%g</text>`+"\n",
			x, py, x+w, py, x-4, py+4, v)
	}
	for i, s := range all {
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour(i, len(all)))
		for _, p := range s.points {
			px, py := at(float64(p.size), max(low, min(high, value(p))))
			fmt.Fprintf(b, "%.1f,%.1f ", px, py)
		}
		b.WriteString("\"/>\n")
	}
}
