/** Paths of the native libraries in this process. */
export function loadedLibraries(): readonly string[] {
  const { sharedObjects } = process.report.getReport() as { sharedObjects: readonly string[] };
  return sharedObjects;
}
