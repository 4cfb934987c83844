#pragma once

namespace orrery {

/// A sum of doubles that can be added to and taken from for ever: what rounding lost is kept beside
/// it, so that the value is as good as one rounding of the exact sum, in whatever order it came
/// about. Source: Ogita, Rump, Oishi, "Accurate Sum and Dot Product", SIAM J. Sci. Comput. 26(6),
/// 2005, algorithm 4.4 (Sum2), with Knuth's TwoSum: the error is below 2^-53 of the sum plus
/// n²·2^-106 of the sum of magnitudes.
class CompensatedSum {
 public:
  CompensatedSum() = default;
  explicit CompensatedSum(double first) : sum_(first) {}
  double value() const { return sum_ + rest_; }
  void add(double term) {
    const double sum = sum_ + term;
    const double of_term = sum - sum_;
    rest_ += (sum_ - (sum - of_term)) + (term - of_term);
    sum_ = sum;
  }

 private:
  double sum_ = 0;
  double rest_ = 0;
};

}  // namespace orrery
