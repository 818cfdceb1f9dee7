package simulate

import "math"

// Value is a mean over runs with its 95 % interval. Each is null where it cannot be
// said: a mean where no run had anything to measure, an interval of fewer than two
// runs.
type Value struct {
	Mean *float64 `json:"mean"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

// Compared is a figure on both sides. Difference is B less A, run by run, over the
// runs in which both have one: its interval is the one of the paired t test.
type Compared struct {
	A          Value `json:"a"`
	B          Value `json:"b"`
	Difference Value `json:"difference"`
}

// Differs says whether the interval of the difference leaves out 0.
func (c *Compared) Differs() bool {
	d := c.Difference
	return d.Low != nil && (*d.Low > 0 || *d.High < 0)
}

// compare takes a figure from every run.
func compare(results []run, figure func(*sideRun) float64) Compared {
	var a, b, difference []float64
	for i := range results {
		x, y := figure(&results[i][0]), figure(&results[i][1])
		a, b, difference = append(a, x), append(b, y), append(difference, y-x)
	}
	return Compared{valueOf(a), valueOf(b), valueOf(difference)}
}

// valueOf is Student's interval for the mean of independent values, as far as they
// are numbers.
func valueOf(values []float64) Value {
	var n, sum float64
	for _, v := range values {
		if !math.IsNaN(v) {
			n++
			sum += v
		}
	}
	if n == 0 {
		return Value{}
	}
	mean := sum / n
	out := Value{Mean: &mean}
	if n < 2 {
		return out
	}
	var squares float64
	for _, v := range values {
		if !math.IsNaN(v) {
			squares += (v - mean) * (v - mean)
		}
	}
	half := student(int(n)-1) * math.Sqrt(squares/(n-1)/n)
	low, high := mean-half, mean+half
	out.Low, out.High = &low, &high
	return out
}

// students are the 97.5 % points of Student's distribution for 1 to 30 degrees of
// freedom.
var students = [...]float64{
	12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
	2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
	2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
}

// student is the 97.5 % point; beyond the table by the first terms of its expansion
// about the normal distribution's (Abramowitz and Stegun, 26.7.5), right to five
// digits there.
func student(free int) float64 {
	if free <= len(students) {
		return students[free-1]
	}
	const z = 1.959963985
	v := float64(free)
	return z + (z*z*z+z)/(4*v) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*v*v)
}
