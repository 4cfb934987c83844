#include "tools/orrery/sweep/expression.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>

#include "sim/base/unit_text.hpp"

namespace orrery {
namespace {

constexpr std::size_t kMaximumDepth = 100;

/// Recursive descent, one function a level of precedence.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Expression::Node parse() {
    Expression::Node node = disjunction();
    if (skip() < text_.size()) fail("expected an operator");
    return node;
  }

 private:
  using Node = Expression::Node;

  [[noreturn]] void fail(const std::string& what) const {
    const std::string found =
        at_ < text_.size() ? "\"" + std::string(text_.substr(at_, 12)) + "\"" : "its end";
    throw ExpressionError{what + " at character " + std::to_string(at_ + 1) + ", before " + found};
  }

  std::size_t skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    return at_;
  }

  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
  }

  bool take(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    const std::size_t end = at_ + token.size();
    if (is_word(token.back()) && end < text_.size() && is_word(text_[end])) return false;
    at_ = end;
    return true;
  }

  template <std::size_t N>
  std::string take_one(const std::array<std::string_view, N>& tokens) {
    for (const std::string_view token : tokens) {
      if (take(token)) return std::string(token);
    }
    return "";
  }

  Node disjunction() {
    if (++depth_ > kMaximumDepth) fail("expected less nesting");
    Node left = conjunction();
    while (take("or") || take("||")) left = {"or", {}, {std::move(left), conjunction()}};
    --depth_;
    return left;
  }

  Node conjunction() {
    Node left = negation();
    while (take("and") || take("&&")) left = {"and", {}, {std::move(left), negation()}};
    return left;
  }

  Node negation() {
    bool negative = false;
    for (;;) {
      skip();
      const bool is_unequal = text_.substr(at_).starts_with("!=");
      if (is_unequal || !(take("not") || take("!"))) break;
      negative = !negative;
    }
    Node node = comparison();
    return negative ? Node{"not", {}, {std::move(node)}} : node;
  }

  Node comparison() {
    Node left = sum();
    if (take("in")) {
      if (!take("[")) fail("expected a list in [ ]");
      Node node{"in", {}, {std::move(left)}};
      list_until("]", node.of);
      return node;
    }
    static constexpr std::array<std::string_view, 6> kOperators = {
        "==", "!=", "<=", ">=", "<", ">"};
    const std::string op = take_one(kOperators);
    if (op.empty()) {
      skip();
      if (text_.substr(at_).starts_with("=")) fail("expected == to compare");
      return left;
    }
    return {op, {}, {std::move(left), sum()}};
  }

  Node sum() {
    Node left = product();
    static constexpr std::array<std::string_view, 2> kOperators = {"+", "-"};
    for (std::string op = take_one(kOperators); !op.empty(); op = take_one(kOperators)) {
      left = {op, {}, {std::move(left), product()}};
    }
    return left;
  }

  Node product() {
    Node left = factor();
    static constexpr std::array<std::string_view, 3> kOperators = {"*", "/", "%"};
    for (std::string op = take_one(kOperators); !op.empty(); op = take_one(kOperators)) {
      left = {op, {}, {std::move(left), factor()}};
    }
    return left;
  }

  Node factor() {
    bool negative = false;
    while (take("-")) negative = !negative;
    Node node = primary();
    return negative ? Node{"-", {}, {Node{"value", 0.0, {}}, std::move(node)}} : node;
  }

  void list_until(std::string_view closing, std::vector<Node>& items) {
    if (take(closing)) return;
    do {
      items.push_back(disjunction());
    } while (take(","));
    if (!take(closing)) fail("expected , or " + std::string(closing));
  }

  Node primary() {
    if (take("(")) {
      Node node = disjunction();
      if (!take(")")) fail("expected )");
      return node;
    }
    if (skip() == text_.size()) fail("expected a value");
    const char c = text_[at_];
    if (c == '\'' || c == '"') return quoted(c);
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) return number();
    if (!is_word(c) || c == '.') fail("expected a value");
    return word();
  }

  Node quoted(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("expected a closing quote");
    Node node{"value", std::string(text_.substr(at_ + 1, end - at_ - 1)), {}};
    at_ = end + 1;
    return node;
  }

  Node number() {
    const std::string rest(text_.substr(at_, 40));
    char* end = nullptr;
    const double value = std::strtod(rest.c_str(), &end);
    at_ += static_cast<std::size_t>(end - rest.c_str());
    if (at_ < text_.size() && is_word(text_[at_])) fail("expected a number to end");
    return {"value", value, {}};
  }

  Node word() {
    std::size_t end = at_;
    while (end < text_.size() && is_word(text_[end])) ++end;
    const std::string name(text_.substr(at_, end - at_));
    if (name == "or" || name == "and" || name == "in") fail("expected a value");
    at_ = end;
    if (name == "true" || name == "false") return {"value", name == "true", {}};
    if (!take("(")) return {"name", name, {}};
    if (name != "min" && name != "max") {
      throw ExpressionError{"no function is called " + name + "; there are min and max"};
    }
    Node node{name, {}, {}};
    list_until(")", node.of);
    if (node.of.empty()) fail("expected an argument");
    return node;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
};

double as_number(const ExpressionValue& value, const std::string& op) {
  if (const double* number = std::get_if<double>(&value)) return *number;
  const std::string* text = std::get_if<std::string>(&value);
  throw ExpressionError{op + " needs numbers, got " +
                        (text != nullptr ? "'" + *text + "'" : "a truth value")};
}

bool as_truth(const ExpressionValue& value, const std::string& op) {
  if (const bool* truth = std::get_if<bool>(&value)) return *truth;
  throw ExpressionError{op + " needs conditions, got a number or a text"};
}

/// Both as counts of one unit, if they are quantities of one kind.
template <class Parse>
bool both_read(const std::string& a, const std::string& b, Parse parse, ExpressionValue& x,
               ExpressionValue& y) {
  const auto first = parse(a);
  const auto second = parse(b);
  if (!first || !second) return false;
  x = first->as_double();
  y = second->as_double();
  return true;
}

/// "2048 KiB" is "2 MiB", and less than "16 MiB".
void read_quantities(ExpressionValue& a, ExpressionValue& b) {
  if (!std::holds_alternative<std::string>(a) || !std::holds_alternative<std::string>(b)) return;
  const std::string x = std::get<std::string>(a);
  const std::string y = std::get<std::string>(b);
  (void)(both_read(x, y, parse_bytes, a, b) || both_read(x, y, parse_duration, a, b) ||
         both_read(x, y, parse_bandwidth, a, b) || both_read(x, y, parse_flop_rate, a, b) ||
         both_read(x, y, parse_frequency, a, b) || both_read(x, y, parse_power, a, b));
}

bool compare(const std::string& op, ExpressionValue a, ExpressionValue b) {
  read_quantities(a, b);
  if (a.index() != b.index()) {
    throw ExpressionError{op +
                          " needs two values of one kind, got a number or text beside another"};
  }
  if (op == "==") return a == b;
  if (op == "!=") return a != b;
  if (std::holds_alternative<bool>(a)) throw ExpressionError{op + " needs numbers or texts"};
  return op == "<" ? a < b : op == "<=" ? a <= b : op == ">" ? a > b : a >= b;
}

double arithmetic(const std::string& op, double a, double b) {
  if (op == "+") return a + b;
  if (op == "-") return a - b;
  if (op == "*") return a * b;
  if (b == 0) throw ExpressionError{op + " by zero"};
  return op == "/" ? a / b : std::fmod(a, b);
}

ExpressionValue evaluate(const Expression::Node& node, const Expression::Lookup& lookup) {
  const std::string& op = node.what;
  if (op == "value") return node.value;
  if (op == "name") return lookup(std::get<std::string>(node.value));
  const ExpressionValue first = evaluate(node.of.front(), lookup);
  if (op == "not") return !as_truth(first, op);
  if (op == "and" || op == "or") {  // what does not matter is not looked at
    if (as_truth(first, op) == (op == "or")) return first;
    return as_truth(evaluate(node.of[1], lookup), op);
  }
  if (op == "in") {
    return std::any_of(node.of.begin() + 1, node.of.end(), [&](const auto& item) {
      const ExpressionValue value = evaluate(item, lookup);
      return value.index() == first.index() && compare("==", value, first);
    });
  }
  if (op == "min" || op == "max") {
    double best = as_number(first, op);
    for (const Expression::Node& each : node.of) {
      const double value = as_number(evaluate(each, lookup), op);
      best = op == "min" ? std::min(best, value) : std::max(best, value);
    }
    return best;
  }
  const ExpressionValue second = evaluate(node.of[1], lookup);
  if (op.size() == 2 || op == "<" || op == ">") return compare(op, first, second);
  return arithmetic(op, as_number(first, op), as_number(second, op));
}

}  // namespace

Expression::Expression(std::string_view text) : root_(Parser(text).parse()) {}

ExpressionValue Expression::value(const Lookup& lookup) const {
  return evaluate(root_, lookup);
}

bool Expression::holds(const Lookup& lookup) const {
  const ExpressionValue found = value(lookup);
  if (const bool* truth = std::get_if<bool>(&found)) return *truth;
  throw ExpressionError{"expected a condition, got a number or a text"};
}

}  // namespace orrery
