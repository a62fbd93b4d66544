// The command that gives the same answer in a terminal. POSIX shell quoting.

export function shellQuote(value: string): string {
  if (/^[A-Za-z0-9_\-.,:/@%+=]+$/.test(value)) return value;
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

export function awsCommand(
  operation: string,
  endpoint: string,
  options: readonly (readonly [
    name: string,
    value: string | number | readonly string[] | undefined,
  ])[],
  /** With a key of who runs it; else it works without any configuration. */
  signed = false,
  service = "xray",
): string {
  const words = [
    `aws ${service} ${operation}`,
    `--endpoint-url ${shellQuote(endpoint)}`,
    signed ? "--region us-east-1" : "--region us-east-1 --no-sign-request",
  ];
  for (const [name, value] of options) {
    if (value === undefined || value === "") continue;
    const list = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
    words.push(`--${name} ${list.map(shellQuote).join(" ")}`);
  }
  return words.join(" ");
}
