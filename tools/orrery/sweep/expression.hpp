#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace orrery {

/// What an expression deals in. Numbers are doubles: whole ones are exact below 2^53.
using ExpressionValue = std::variant<double, std::string, bool>;

/// What is wrong with an expression, or with its values at one point, in a sentence.
struct ExpressionError {
  std::string message;
};

/// A condition over names, as `where` of a sweep has it:
///
///   or, and, not; == != < <= > >= (between two numbers, or two texts), in [a, b, …];
///   + - * / %; min(…), max(…); (…); numbers, 'texts', true, false; names with dots.
///
/// `not` binds closer than `and`, this closer than `or`; comparisons do not chain.
class Expression {
 public:
  /// Nothing where no value has that name.
  using Lookup = std::function<ExpressionValue(const std::string& name)>;

  /// Throws ExpressionError, which names the place in the text.
  explicit Expression(std::string_view text);

  /// Throws ExpressionError where types do not fit, and what `lookup` throws.
  ExpressionValue value(const Lookup& lookup) const;
  /// The same, of a condition.
  bool holds(const Lookup& lookup) const;

  struct Node {
    std::string what;  // the operator, "name", "value", or the function
    ExpressionValue value{};
    std::vector<Node> of{};
  };

 private:
  Node root_;
};

}  // namespace orrery
