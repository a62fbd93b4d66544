import Box from "@cloudscape-design/components/box";

import { useText } from "./settings";

/** For those whose role sends data and sees none. */
export function NoAccess() {
  const { session } = useText();
  return (
    <Box padding={{ vertical: "xxl" }} textAlign="center" data-testid="no-access">
      <Box variant="h2">{session.sendsOnly}</Box>
      <Box variant="p" color="text-body-secondary">
        {session.sendsOnlyText}
      </Box>
    </Box>
  );
}
