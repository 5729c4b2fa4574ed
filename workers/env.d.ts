interface ImportMetaEnv {
  /** Names a build whose files have no hashes in their names: the package's. */
  readonly BUILD?: string;
}
