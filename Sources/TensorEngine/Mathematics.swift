#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#endif

// The C library's functions of float64, for what is computed once a step.

func exponential(_ x: Double) -> Double { exp(x) }
func logarithm(_ x: Double) -> Double { log(x) }
func logarithmOfOnePlus(_ x: Double) -> Double { log1p(x) }
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
func cosineOf(_ x: Double) -> Double { cos(x) }
