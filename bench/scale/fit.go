package main

import "math"

// series are the measurements of a shape, by size.
type series struct {
	name, doc string
	points    []point
}

// exponents returns the slopes of time and memory on logarithmic scales, by least
// squares over the points that are well above what every process takes.
func (s *series) exponents() (time, memory float64) {
	const startTime, startMemory = 0.010, 12e6
	time = slope(s.points, 0.1, func(p point) float64 { return p.cpu.Seconds() - startTime })
	memory = slope(s.points, 30e6, func(p point) float64 { return float64(p.memory) - startMemory })
	return time, memory
}

// slope fits the points of at least the given value; NaN if there are less than two.
func slope(points []point, least float64, value func(point) float64) float64 {
	var n, sx, sy, sxx, sxy float64
	for _, p := range points {
		v := value(p)
		if v < least {
			continue
		}
		x, y := math.Log(float64(p.size)), math.Log(v)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	if n < 2 {
		return math.NaN()
	}
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
